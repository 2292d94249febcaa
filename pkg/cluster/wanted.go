package cluster

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// registriesPath is where the controller renders mirrors to.
const registriesPath = "/etc/containers/registries.conf"

// maxFile bounds a file inside a MachineConfig, unpacked, in bytes.
const maxFile = 16 << 20

// roleLabel says for which pool a MachineConfig is.
const roleLabel = daemonPrefix + "role"

// wanted is what a rendered configuration holds once the controller has seen
// our objects.
type wanted struct {
	files    map[string][]byte // by path
	units    map[string]string // by name; name/dropin for a drop-in
	rules    []MirrorRule
	insecure []string
	// gone are mirrors that must not be there any more.
	gone []MirrorRule
	// sources are beginnings of names of configurations that others generate
	// from our objects.
	sources []string
}

func wantedOf(objects []Object) (wanted, error) {
	w := wanted{files: map[string][]byte{}, units: map[string]string{}}
	for _, o := range objects {
		u := o.unstructured()
		w.rules = append(w.rules, mirrorRules(u)...)
		switch o.Kind {
		case "MachineConfig":
			if u.GetLabels()[roleLabel] != MasterPool {
				continue
			}
			files, units, err := ignition(u)
			if err != nil {
				return wanted{}, fmt.Errorf("%s: %w", o, err)
			}
			maps.Copy(w.files, files)
			maps.Copy(w.units, units)
		case "KubeletConfig":
			w.sources = append(w.sources, "99-"+MasterPool+"-generated-kubelet")
		case "Image":
			insecure, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "registrySources", "insecureRegistries")
			w.insecure = append(w.insecure, insecure...)
		}
	}
	return w, nil
}

// ignition takes a MachineConfig apart.
func ignition(u *unstructured.Unstructured) (files map[string][]byte, units map[string]string, err error) {
	files, units = map[string][]byte{}, map[string]string{}
	for _, f := range entries(u.Object, "spec", "config", "storage", "files") {
		path, _ := f["path"].(string)
		source, _, _ := unstructured.NestedString(f, "contents", "source")
		compression, _, _ := unstructured.NestedString(f, "contents", "compression")
		if files[path], err = fileContent(source, compression); err != nil {
			return nil, nil, fmt.Errorf("file %s: %w", path, err)
		}
	}
	for _, unit := range entries(u.Object, "spec", "config", "systemd", "units") {
		name, _ := unit["name"].(string)
		units[name], _ = unit["contents"].(string)
		for _, d := range entries(unit, "dropins") {
			dropin, _ := d["name"].(string)
			units[name+"/"+dropin], _ = d["contents"].(string)
		}
	}
	return files, units, nil
}

func entries(object map[string]any, path ...string) []map[string]any {
	list, _, _ := unstructured.NestedSlice(object, path...)
	var found []map[string]any
	for _, entry := range list {
		if m, ok := entry.(map[string]any); ok {
			found = append(found, m)
		}
	}
	return found
}

// fileContent decodes a data URL. Any other URL is not looked behind.
func fileContent(source, compression string) ([]byte, error) {
	body, ok := strings.CutPrefix(source, "data:")
	if !ok {
		return []byte(source), nil
	}
	head, body, ok := strings.Cut(body, ",")
	if !ok {
		return nil, errors.New("data URL without a comma")
	}
	text, err := url.PathUnescape(body)
	if err != nil {
		return nil, fmt.Errorf("data URL: %w", err)
	}
	raw := []byte(text)
	if strings.HasSuffix(head, ";base64") {
		if raw, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, fmt.Errorf("data URL: %w", err)
		}
	}
	if compression != "gzip" {
		return raw, nil
	}
	return unzip(raw)
}

func unzip(raw []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(z, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return content, err
}

// missing says what of ours a rendered configuration does not hold; nil when it
// holds all.
func (w wanted) missing(rendered *unstructured.Unstructured, sources []string) []string {
	files, units, err := ignition(rendered)
	if err != nil {
		return []string{"readable files: " + err.Error()}
	}
	var missing []string
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		if have, ok := files[path]; !ok || !bytes.Equal(have, w.files[path]) {
			missing = append(missing, "file "+path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.units)) {
		if have, ok := units[name]; !ok || have != w.units[name] {
			missing = append(missing, "unit "+name)
		}
	}
	for _, prefix := range w.sources {
		if !slices.ContainsFunc(sources, func(s string) bool { return strings.HasPrefix(s, prefix) }) {
			missing = append(missing, "configuration "+prefix)
		}
	}
	return append(missing, w.missingMirrors(files[registriesPath])...)
}

func (w wanted) missingMirrors(conf []byte) []string {
	if len(w.rules) == 0 && len(w.insecure) == 0 && len(w.gone) == 0 {
		return nil
	}
	registries, err := parseRegistries(conf)
	if err != nil {
		return []string{"readable " + registriesPath + ": " + err.Error()}
	}
	var missing []string
	for _, r := range w.rules {
		if !slices.ContainsFunc(registries, func(have registry) bool { return have.holds(r) }) {
			missing = append(missing, "mirrors of "+r.Source)
		}
	}
	for _, r := range w.gone {
		for _, have := range registries {
			if mirror := have.names(r); mirror != "" {
				missing = append(missing, "the loss of "+mirror+" of "+r.Source)
			}
		}
	}
	for _, host := range w.insecure {
		if !slices.ContainsFunc(registries, func(have registry) bool { return have.source() == host && have.Insecure }) {
			missing = append(missing, "insecure registry "+host)
		}
	}
	return missing
}

// registry is one [[registry]] of registries.conf.
type registry struct {
	Prefix   string
	Location string
	Insecure bool
	Blocked  bool
	Mirror   []struct {
		Location       string
		PullFromMirror string `toml:"pull-from-mirror"`
	}
}

func parseRegistries(conf []byte) ([]registry, error) {
	var file struct{ Registry []registry }
	if _, err := toml.Decode(string(conf), &file); err != nil {
		return nil, err
	}
	return file.Registry, nil
}

func (r registry) source() string {
	if r.Prefix != "" {
		return r.Prefix
	}
	return r.Location
}

// holds tells whether all mirrors of a rule are there, in its order, and the
// source is as forbidden as it should be. Others' mirrors may stand between.
func (r registry) holds(rule MirrorRule) bool {
	if r.source() != rule.Source || rule.Policy == neverContactSource && !r.Blocked {
		return false
	}
	left := rule.Mirrors
	for _, m := range r.Mirror {
		if len(left) > 0 && m.Location == left[0] {
			left = left[1:]
		}
	}
	return len(left) == 0
}

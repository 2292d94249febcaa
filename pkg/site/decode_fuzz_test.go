package site

import (
	"reflect"
	"strings"
	"testing"
)

// FuzzDecode: any bytes give either a site or errors, never both and never
// neither. A site that was taken has nodes that can be asked, names that are
// clean, and reads the same a second time.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"", head, head + oneNode, head + oneNode + "registry: {plainHTTP: true, port: 5001}\n",
		head + oneNode + "registry: {auth: {user: someone}, tls: {ca: a, certificate: b, key: c}, memory: 2M}\n",
		head + "nodes: [{name: a, address: h:1}, {name: b, address: h:2}]\nmirrors: idms\n",
		head + oneNode + "kubeletConfig: {systemReserved: {cpu: 500m, memory: 1Gi}}\nrepositories: {release: a/b}\n",
		head + "nodes: &a [*a]\n", head + "nodes: [{name: \"\\e[2J\", address: \"a\\nb\"}]\n", "- a\n", "\xff", "? {a: b}\n: c\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode("site.yaml", data)
		if (s == nil) == (err == nil) {
			t.Fatalf("%+v, %v", s, err)
		}
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x00\x1b\r") {
				t.Errorf("error with control characters: %q", err)
			}
			return
		}
		if again, err := Decode("site.yaml", data); err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("read twice: %+v and %+v, %v", s, again, err)
		}
		if len(s.Nodes) == 0 {
			t.Error("a site without nodes")
		}
		for _, n := range s.Nodes {
			if host := n.Host(s.Registry); host == "" || strings.ContainsAny(n.Name+host, " \t\n\x00\x1b/") {
				t.Errorf("node %q at %q", n.Name, host)
			}
		}
	})
}

// Package registriesconf makes the /etc/containers/registries.conf that the
// machine-config operator puts on every node, from the objects that say where
// images are. The library that does it is the operator's own,
// github.com/openshift/runtime-utils.
//
// What the operator refuses silently, in its log alone, is an error here: a
// mirror or source of a policy that its patterns do not take, and two policies
// for one source.
package registriesconf

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	"github.com/BurntSushi/toml"
	"github.com/containers/image/v5/pkg/sysregistriesv2"
	configv1 "github.com/openshift/api/config/v1"
	operatorv1alpha1 "github.com/openshift/api/operator/v1alpha1"
	"github.com/openshift/runtime-utils/pkg/registries"
)

// Base is the file of a cluster that has no such object.
const Base = "unqualified-search-registries = ['registry.access.redhat.com', 'docker.io']\n"

// The operator's patterns for policies. Mirror sets have them in their CRDs.
const (
	label  = `[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?`
	domain = label + `(?:\.` + label + `)*(?::[0-9]+)?`
	path   = `(?:/[a-z0-9]+(?:(?:[._]|__|[-]*)[a-z0-9]+)*)*`
)

var (
	mirrorPattern = regexp.MustCompile(`^` + domain + path + `$`)
	sourcePattern = regexp.MustCompile(`^\*(?:\.` + label + `)+$|^` + domain + path + `$`)
)

// Objects are what the file is made from.
type Objects struct {
	Policies   []*operatorv1alpha1.ImageContentSourcePolicy
	DigestSets []*configv1.ImageDigestMirrorSet
	TagSets    []*configv1.ImageTagMirrorSet
	// Insecure and Blocked come from the object Image called cluster.
	Insecure, Blocked []string
}

// Render makes the file.
func Render(o Objects) ([]byte, error) {
	if err := errors.Join(o.checkPatterns(), o.checkPolicies()); err != nil {
		return nil, err
	}
	var conf sysregistriesv2.V2RegistriesConf
	if _, err := toml.Decode(Base, &conf); err != nil {
		return nil, err
	}
	if err := registries.EditRegistriesConfig(&conf, o.Insecure, o.Blocked, o.Policies, o.DigestSets, o.TagSets); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := toml.NewEncoder(&b).Encode(conf)
	return b.Bytes(), err
}

func (o Objects) checkPatterns() error {
	var errs []error
	for _, p := range o.Policies {
		for _, m := range p.Spec.RepositoryDigestMirrors {
			if !sourcePattern.MatchString(m.Source) {
				errs = append(errs, fmt.Errorf("%s: invalid format for source %q", p.Name, m.Source))
			}
			for _, mirror := range m.Mirrors {
				if !mirrorPattern.MatchString(mirror) {
					errs = append(errs, fmt.Errorf("%s: invalid format for mirror %q", p.Name, mirror))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// checkPolicies finds sources that are to be contacted by one object and never
// by another. A policy of the old kind always allows it.
func (o Objects) checkPolicies() error {
	never := map[string]bool{}
	var errs []error
	note := func(name, source string, p configv1.MirrorSourcePolicy) {
		is := p == configv1.NeverContactSource
		if was, ok := never[source]; ok && was != is {
			errs = append(errs, fmt.Errorf("%s: conflicting mirrorSourcePolicy is set for source %q", name, source))
		}
		never[source] = is
	}
	for _, s := range o.DigestSets {
		for _, m := range s.Spec.ImageDigestMirrors {
			note(s.Name, m.Source, m.MirrorSourcePolicy)
		}
	}
	for _, s := range o.TagSets {
		for _, m := range s.Spec.ImageTagMirrors {
			note(s.Name, m.Source, m.MirrorSourcePolicy)
		}
	}
	for _, s := range o.Policies {
		for _, m := range s.Spec.RepositoryDigestMirrors {
			note(s.Name, m.Source, "")
		}
	}
	return errors.Join(errs...)
}

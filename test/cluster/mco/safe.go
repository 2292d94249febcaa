package mco

import (
	"reflect"
	"slices"

	"github.com/BurntSushi/toml"
	"github.com/containers/image/v5/pkg/sysregistriesv2"
)

// SafeRegistries tells whether a change of registries.conf needs no drain, by the
// rules of OpenShift 4.8 and later: nothing may go away, and what is new must be
// for digests only. Files that do not parse are not safe.
func SafeRegistries(old, next []byte) bool {
	var a, b sysregistriesv2.V2RegistriesConf
	if toml.Unmarshal(old, &a) != nil || toml.Unmarshal(next, &b) != nil {
		return false
	}
	n := len(a.UnqualifiedSearchRegistries)
	if n > len(b.UnqualifiedSearchRegistries) || !slices.Equal(a.UnqualifiedSearchRegistries, b.UnqualifiedSearchRegistries[:n]) {
		return false
	}
	was, is := byScope(a.Registries), byScope(b.Registries)
	for scope := range was {
		if _, ok := is[scope]; !ok {
			return false
		}
	}
	for scope, r := range is {
		before, ok := was[scope]
		if ok && !safeChange(before, r) || !ok && !digestsOnly(r) {
			return false
		}
	}
	return true
}

func byScope(all []sysregistriesv2.Registry) map[string]sysregistriesv2.Registry {
	m := map[string]sysregistriesv2.Registry{}
	for _, r := range all {
		scope := r.Prefix
		if scope == "" {
			scope = r.Location
		}
		m[scope] = r
	}
	return m
}

// safeChange looks at a registry that was there before. That the mirrors became
// insecure is not looked at: their own entries tell.
func safeChange(old, next sysregistriesv2.Registry) bool {
	if reflect.DeepEqual(old, next) {
		return true
	}
	if old.Prefix != next.Prefix || old.Location != next.Location || old.Blocked != next.Blocked || old.Insecure != next.Insecure {
		return false
	}
	was, is := byLocation(old.Mirrors), byLocation(next.Mirrors)
	for location := range was {
		if _, ok := is[location]; !ok {
			return false
		}
	}
	for location, m := range is {
		before, ok := was[location]
		digests := m.PullFromMirror == sysregistriesv2.MirrorByDigestOnly
		if ok && m.PullFromMirror != before.PullFromMirror && !digests {
			return false
		}
		if !ok && !digests && !next.MirrorByDigestOnly {
			return false
		}
	}
	return true
}

func byLocation(all []sysregistriesv2.Endpoint) map[string]sysregistriesv2.Endpoint {
	m := map[string]sysregistriesv2.Endpoint{}
	for _, e := range all {
		if _, ok := m[e.Location]; !ok {
			m[e.Location] = e
		}
	}
	return m
}

func digestsOnly(r sysregistriesv2.Registry) bool {
	if len(r.Mirrors) == 0 {
		return r.MirrorByDigestOnly
	}
	return !slices.ContainsFunc(r.Mirrors, func(e sysregistriesv2.Endpoint) bool {
		return e.PullFromMirror != sysregistriesv2.MirrorByDigestOnly
	})
}

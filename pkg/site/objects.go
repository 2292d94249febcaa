package site

import (
	"cmp"
	"regexp"

	"drayage/internal/strictyaml"
)

// ICSP and IDMS are the values of Site.Mirrors.
const (
	ICSP = "icsp"
	IDMS = "idms"
)

// AtLeast tells whether the cluster's version is this one or a later one.
func (s *Site) AtLeast(major, minor int) bool {
	a, b := s.Version()
	return cmp.Or(cmp.Compare(a, major), cmp.Compare(b, minor)) >= 0
}

// checkObjects checks what the cluster's objects shall be like.
func checkObjects(d *strictyaml.Document, s *Site) {
	if !isDNSName(s.Pool) {
		d.Wrongf("pool", "%.64q is no DNS name in lower case", s.Pool)
	}
	switch {
	case s.Mirrors != "" && s.Mirrors != ICSP && s.Mirrors != IDMS:
		d.Wrongf("mirrors", "%.64q, want icsp or idms", s.Mirrors)
	case s.Mirrors == IDMS && !s.AtLeast(4, 13):
		d.Wrongf("mirrors", "OpenShift %.64s knows no ImageDigestMirrorSet, which came with 4.13", s.OpenShift)
	}
	if s.PinnedImages && !s.AtLeast(4, 20) {
		d.Wrongf("pinnedImages", "OpenShift %.64s has no PinnedImageSet, which came with 4.20", s.OpenShift)
	}
	checkKubeletConfig(d, s.KubeletConfig)
}

// quantity is what Kubernetes takes for an amount, as far as it is of use here.
var quantity = regexp.MustCompile(`^[1-9][0-9]{0,14}(m|k|M|G|T|Ki|Mi|Gi|Ti)?$`)

func checkKubeletConfig(d *strictyaml.Document, k KubeletConfig) {
	r := k.SystemReserved
	if k.AutoSizing && r != (Reserved{}) {
		d.Wrongf("kubeletConfig.systemReserved", "autoSizing computes it: one or the other")
	}
	for _, f := range []struct{ field, value string }{
		{"cpu", r.CPU}, {"memory", r.Memory}, {"ephemeralStorage", r.EphemeralStorage},
	} {
		if f.value != "" && !quantity.MatchString(f.value) {
			d.Wrongf("kubeletConfig.systemReserved."+f.field, "%.64q is no amount like 500m or 2Gi", f.value)
		}
	}
}

package manifest

import (
	"reflect"
	"strings"
	"testing"
)

// holed is whole with two images left out.
func holed() *Manifest {
	m := whole()
	m.Omitted = []Omission{
		{Name: "quay.io/acme/part:v1", Role: RoleOperator, Catalog: catalogName, Bundles: []string{"tool.v1.0.0", "tool.v1.1.0"}, Reason: "404 not found"},
		{Name: "quay.io/acme/none:v1", Role: RoleAdditional, Reason: "403 denied"},
	}
	return m
}

func TestOmissionsAreEncodedAndDecoded(t *testing.T) {
	m, err := Decode(encode(t, holed()))
	if err != nil || !reflect.DeepEqual(m, holed()) {
		t.Errorf("%+v, %v", m, err)
	}
	if strings.Contains(string(encode(t, whole())), "omitted") {
		t.Error("omitted is there, though nothing is")
	}
}

func TestOmissionsAreSorted(t *testing.T) {
	m := holed()
	m.Omitted[0], m.Omitted[1] = m.Omitted[1], m.Omitted[0]
	m.Sort()
	if !reflect.DeepEqual(m, holed()) {
		t.Errorf("%+v", m.Omitted)
	}
}

func TestOmissionsAreChecked(t *testing.T) {
	const part, none = "packing list: omitted image quay.io/acme/part:v1: ", "packing list: omitted image quay.io/acme/none:v1: "
	for name, c := range map[string]struct {
		spoil func(o []Omission)
		want  string
	}{
		"travels":            {func(o []Omission) { o[1].Name = "quay.io/acme/extra:v1" }, "packing list: omitted image quay.io/acme/extra:v1: travels, and is listed as omitted"},
		"role":               {func(o []Omission) { o[1].Role = RoleComponent }, none + "has the role component, and only operator and additional images can be left out"},
		"role that is none":  {func(o []Omission) { o[1].Role = "x\n" }, none + `has the role "x\n", and only operator and additional images can be left out`},
		"no catalog":         {func(o []Omission) { o[0].Catalog = "" }, part + "an operator image says through which catalog it came, nothing else does"},
		"catalog too many":   {func(o []Omission) { o[1].Catalog = catalogName }, none + "an operator image says through which catalog it came, nothing else does"},
		"another catalog":    {func(o []Omission) { o[0].Catalog = "quay.io/a/b:1" }, part + "names the catalog quay.io/a/b:1, which is not there"},
		"bundles too many":   {func(o []Omission) { o[1].Bundles = []string{"a"} }, none + "an operator image says which versions need it, nothing else does"},
		"bundles' order":     {func(o []Omission) { o[0].Bundles = []string{"b", "a"} }, part + "the versions that need it are out of order"},
		"bundle":             {func(o []Omission) { o[0].Bundles = []string{"\x1b"} }, part + `"\x1b" cannot be printed`},
		"no reason":          {func(o []Omission) { o[1].Reason = "" }, none + `"" cannot be printed`},
		"reason of two rows": {func(o []Omission) { o[1].Reason = "a\nb" }, none + `"a\nb" cannot be printed`},
		"reason's length":    {func(o []Omission) { o[1].Reason = strings.Repeat("a", 201) }, none + "name and reason have 20 and 201 bytes, want at most 512 and 200"},
		"name":               {func(o []Omission) { o[1].Name = "UPPER:1" }, `packing list: omitted image UPPER:1: "UPPER:1": invalid reference format: repository name (library/UPPER) must be lowercase`},
		"name not in full":   {func(o []Omission) { o[1].Name = "a:1" }, "packing list: omitted image a:1: name is not in full, want docker.io/library/a:1"},
		"order":              {func(o []Omission) { o[0], o[1] = o[1], o[0] }, part + "out of order"},
		"twice":              {func(o []Omission) { o[0] = o[1] }, none + "listed twice"},
	} {
		t.Run(name, func(t *testing.T) {
			m := holed()
			c.spoil(m.Omitted)
			if err := m.Validate(); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	m := holed()
	m.Omitted[0].Name, m.Omitted[0].Reason = "UPPER:1", ReasonNoReference
	if err := m.Validate(); err != nil {
		t.Errorf("a name that is no reference: %v", err)
	}
}

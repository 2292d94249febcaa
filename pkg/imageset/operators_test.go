package imageset

import "testing"

func TestRange(t *testing.T) {
	type answer struct {
		lo, hi string
		kept   bool
	}
	for name, c := range map[string]struct {
		pkg  Package
		want answer
	}{
		"nothing is asked for":           {Package{}, answer{"", "", true}},
		"the package's range":            {Package{MinVersion: "1", MaxVersion: "2"}, answer{"1", "2", true}},
		"another channel":                {Package{Channels: []PackageChannel{{Name: "y", MinVersion: "1"}}}, answer{"", "", false}},
		"the package's range, by name":   {Package{MinVersion: "1", Channels: []PackageChannel{{Name: "x"}}}, answer{"1", "", true}},
		"the package's range, elsewhere": {Package{MaxVersion: "1", Channels: []PackageChannel{{Name: "y"}}}, answer{"", "", false}},
		"the channel's range":            {Package{Channels: []PackageChannel{{Name: "y"}, {Name: "x", MaxVersion: "3"}}}, answer{"", "3", true}},
		"the channel by name":            {Package{Channels: []PackageChannel{{Name: "x"}}}, answer{"", "", true}},
	} {
		lo, hi, kept := c.pkg.Range("x")
		if got := (answer{lo, hi, kept}); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

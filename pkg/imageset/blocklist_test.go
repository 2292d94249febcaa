package imageset

import "testing"

func TestBlocklist(t *testing.T) {
	c := &Config{Mirror: Mirror{BlockedImages: []BlockedImage{
		{Name: "["}, {Name: "quay.io/a/b"}, {Name: "^example.com/c[:@]"}, {Name: "(aws|azure)"},
	}}}
	b := c.Blocklist()
	for _, d := range []struct {
		names []string
		want  string // "" when none is found
	}{
		{nil, ""},
		{[]string{"quay.io/a/c:1"}, ""},
		{[]string{"quay.io/a/b:1"}, "quay.io/a/b"},
		{[]string{"mirror.example.com/quay.io/a/b-c@" + someDigest}, "quay.io/a/b"},
		{[]string{"example.com/c:1"}, "^example.com/c[:@]"},
		{[]string{"example.com/c-d:1"}, ""},
		{[]string{"quay.io/ocp@" + someDigest, "ocp4/openshift:4.12.0-x86_64-aws-ebs-csi-driver"}, "(aws|azure)"},
	} {
		got, blocked := b.Match(d.names...)
		if got != d.want || blocked != (d.want != "") {
			t.Errorf("%q: %q, %t; want %q", d.names, got, blocked, d.want)
		}
	}
	if by, blocked := (&Config{}).Blocklist().Match("a:1"); blocked {
		t.Errorf("no list blocks by %q", by)
	}
}

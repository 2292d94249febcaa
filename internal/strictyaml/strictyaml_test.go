package strictyaml

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

type fleet struct {
	Name   string   `yaml:"name"`
	Size   int      `yaml:"size,omitempty"`
	Afloat bool     `yaml:"afloat"`
	Home   port     `yaml:"home"`
	Boats  []boat   `yaml:"boats"`
	Flags  []string `yaml:"flags"`
	Hidden string   `yaml:"-"`
	Inner  string
}

type port struct {
	City  string `yaml:"city"`
	Depth int    `yaml:"depth"`
}

type boat struct {
	Name  string `yaml:"name"`
	Masts int    `yaml:"masts"`
}

var fleetUnsupported = map[string]string{
	"engine":        "",
	"home.pilot":    "call the harbour master",
	"boats[].crew":  "",
	"boats[].sails": "count the masts",
}

func TestDecodeFillsTheStruct(t *testing.T) {
	got := fleet{Hidden: "kept", Inner: "kept"}
	text := `
name: "fleet 1"
size: -3
afloat: true
home: {city: 'Ghent', depth: 0}
boats:
- name: Anna
  masts: 2
- {name: "4.10"}
- name: !!str 7
flags: [a, 10.0.0.1, 4.12.0, yes, &anchor b]
`
	if err := Decode("f.yaml", []byte(text), &got, nil).Err(); err != nil {
		t.Fatal(err)
	}
	want := fleet{
		Name: "fleet 1", Size: -3, Afloat: true, Home: port{City: "Ghent"},
		Boats: []boat{{"Anna", 2}, {"4.10", 0}, {"7", 0}},
		Flags: []string{"a", "10.0.0.1", "4.12.0", "yes", "b"}, Hidden: "kept", Inner: "kept",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAbsentFieldsKeepTheirDefaults(t *testing.T) {
	for _, text := range []string{
		"name: new\n",
		"name: new\nsize: null\nafloat:\nhome:\nboats: ~\nflags:\n",
		"name: new\nhome: {}\n",
		"name: new\nhome: {city: null}\n",
		"---\nname: new\n...\n",
		"\ufeffname: new\r\n",
		"# a comment\nname: new # and another\n",
	} {
		got := fleet{"old", 5, true, port{"Ghent", 9}, []boat{{"Anna", 1}}, []string{"x"}, "", ""}
		if err := Decode("f.yaml", []byte(text), &got, nil).Err(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		want := fleet{"new", 5, true, port{"Ghent", 9}, []boat{{"Anna", 1}}, []string{"x"}, "", ""}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %+v\nwant %+v", text, got, want)
		}
	}
}

func TestAListReplacesItsDefault(t *testing.T) {
	got := fleet{Boats: []boat{{"Anna", 1}, {"Bea", 1}}, Flags: []string{"x"}}
	if err := Decode("f.yaml", []byte("boats: [{name: Cleo}]\nflags: []\n"), &got, nil).Err(); err != nil {
		t.Fatal(err)
	}
	want := fleet{Boats: []boat{{"Cleo", 0}}, Flags: []string{}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryFindingHasFileLineAndPath(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key": {"name: a\n\ncolour: red\n", "f.yaml:3: colour: unknown key"},
		"unknown key with a near name": {
			"home:\n  citty: Ghent\n", "f.yaml:2: home.citty: unknown key (did you mean city?)"},
		"near name in another case":  {"Name: a\n", "f.yaml:1: Name: unknown key (did you mean name?)"},
		"near name of a field to be": {"boats:\n- crw: 1\n", "f.yaml:2: boats[0].crw: unknown key (did you mean crew?)"},
		"field without a tag":        {"hidden: a\ninner: b\nInner: c\n", "f.yaml:1: hidden: unknown key\nf.yaml:2: inner: unknown key\nf.yaml:3: Inner: unknown key"},
		"key that is not plain":      {"home:\n  \"a.b\\n\": 1\n", `f.yaml:2: home."a.b\n": unknown key`},
		"key that looks like a path": {"home.pilot: 1\n", `f.yaml:1: "home.pilot": unknown key`},
		"huge key": {
			strings.Repeat("k", 500) + ": 1\n", `f.yaml:1: "` + strings.Repeat("k", 64) + `...": unknown key`},
		"unsupported key": {"engine: diesel\n", "f.yaml:1: engine: not supported yet"},
		"unsupported key with a reason": {
			"boats:\n- name: a\n- name: b\n  sails: [1]\n", "f.yaml:4: boats[1].sails: not supported yet: count the masts"},
		"unsupported key elsewhere": {"crew: 3\n", "f.yaml:1: crew: unknown key"},
		"unsupported true":          {"engine: true\n", "f.yaml:1: engine: not supported yet"},
		"unsupported list":          {"engine: [false]\n", "f.yaml:1: engine: not supported yet"},
		"key twice": {
			"home:\n  city: a\n  depth: 1\n  city: b\n", "f.yaml:4: home.city: given twice, first in line 2"},
		"key twice, quoted once": {"name: a\n\"name\": b\n", "f.yaml:2: name: given twice, first in line 1"},
		"key that is a number":   {"5000: a\n", `f.yaml:1: 5000: want a string as a key, found the number 5000`},
		"key that is a mapping":  {"? {a: b}\n: c\n", `f.yaml:1: "": want a string as a key, found a mapping`},
		"merge key":              {"<<: {name: a}\n", `f.yaml:1: "<<": want a string as a key, found a merge key`},

		"number for a string": {
			"name: 4.10\n", `f.yaml:1: name: want a string, found the number 4.10: put it in quotes, "4.10"`},
		"truth for a string": {
			"flags: [a,\n true]\n", `f.yaml:2: flags[1]: want a string, found the truth value true: put it in quotes, "true"`},
		"date for a string": {
			"name: 2024-01-31\n", `f.yaml:1: name: want a string, found the date 2024-01-31: put it in quotes, "2024-01-31"`},
		"list for a string":         {"name: [a]\n", "f.yaml:1: name: want a string, found a list"},
		"mapping for a string":      {"name:\n  a: b\n", "f.yaml:1: name: want a string, found a mapping"},
		"nothing for a string":      {"flags:\n- a\n-\n", "f.yaml:3: flags[1]: want a string, found nothing"},
		"own tag on a string":       {"name: !mine a\n", `f.yaml:1: name: want a string, found a value with the tag "!mine"`},
		"number tag on a string":    {"name: !!int \"4\\n\"\n", `f.yaml:1: name: want a string, found the number 4\n`},
		"string for a mapping":      {"home: Ghent\n", `f.yaml:1: home: want a mapping, found "Ghent"`},
		"own tag on a mapping":      {"home: !mine {city: a}\n", `f.yaml:1: home: want a mapping, found a value with the tag "!mine"`},
		"mapping for a list":        {"boats: {name: a}\n", "f.yaml:1: boats: want a list, found a mapping"},
		"string for a list":         {"flags: a\n", `f.yaml:1: flags: want a list, found "a"`},
		"nothing for a list item":   {"boats:\n- name: a\n- ~\n", "f.yaml:3: boats[1]: want a mapping, found nothing"},
		"word for a bool":           {"afloat: yes\n", `f.yaml:1: afloat: want true or false, found "yes"`},
		"quoted bool":               {"afloat: \"true\"\n", `f.yaml:1: afloat: want true or false, found "true"`},
		"upper-case bool":           {"afloat: TRUE\n", "f.yaml:1: afloat: want true or false, found the truth value TRUE"},
		"word for an int":           {"size: big\n", `f.yaml:1: size: want a whole number in decimal, found "big"`},
		"quoted int":                {"size: \"5\"\n", `f.yaml:1: size: want a whole number in decimal, found "5"`},
		"octal int":                 {"size: 0755\n", "f.yaml:1: size: want a whole number in decimal, found the number 0755"},
		"fraction for an int":       {"size: 1.5\n", "f.yaml:1: size: want a whole number in decimal, found the number 1.5"},
		"int that is too large":     {"size: 99999999999999999999\n", "f.yaml:1: size: want a whole number in decimal, found the number 99999999999999999999"},
		"list for the document":     {"- a\n", "f.yaml:1: want a mapping, found a list"},
		"word for the document":     {"\nhello\n", `f.yaml:2: want a mapping, found "hello"`},
		"several, sorted by line":   {"home:\n  citty: a\nsize: x\nengine: 1\nname: [b]\n", "f.yaml:2: home.citty: unknown key (did you mean city?)\nf.yaml:3: size: want a whole number in decimal, found \"x\"\nf.yaml:4: engine: not supported yet\nf.yaml:5: name: want a string, found a list"},
		"nothing below an unknown":  {"colour:\n  a: 1\n  a: 2\n", "f.yaml:1: colour: unknown key"},
		"escape sequence in a word": {"afloat: \"\\e[31m\"\n", `f.yaml:1: afloat: want true or false, found "\x1b[31m"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := Decode("f.yaml", []byte(c.text), &fleet{}, fleetUnsupported).Err()
			if got := fmt.Sprint(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWhatIsNotOneDocumentIsRefusedWhole(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                   {"", "f.yaml: document is empty"},
		"only a comment":          {"# nothing\n", "f.yaml: document is empty"},
		"only null":               {"---\n", "f.yaml: document is empty"},
		"two documents":           {"name: a\n---\nname: b\n", "f.yaml:2: a second document begins here, want one in a file"},
		"an empty second one":     {"name: a\n---\n", "f.yaml:2: a second document begins here, want one in a file"},
		"text after the end":      {"name: a\n...\nname: [\n", "f.yaml:3: not YAML: did not find expected <document start>"},
		"brace too many":          {"{name: a}}\n", "f.yaml:1: not YAML: did not find expected <document start>"},
		"bad second document":     {"name: a\n---\nb: c: d\n", "f.yaml:3: not YAML: mapping values are not allowed in this context"},
		"colon in the first line": {"a: b: c\n", "f.yaml:1: not YAML: mapping values are not allowed in this context"},
		"tab in the second line":  {"name: a\n\tsize: 1\n", "f.yaml:2: not YAML: found a tab character that violates indentation"},
		"wrong indentation":       {"boats:\n  - name: a\n size: 1\n", "f.yaml:3: not YAML: did not find expected key"},
		"line without a colon":    {"name: a\n\n\nsize\n", "f.yaml:4: not YAML: could not find expected ':'"},
		"unclosed list":           {"name: a\nflags: [1,\n", "f.yaml:3: not YAML: did not find expected node content"},
		"deep nesting":            {strings.Repeat("[", 20000), "f.yaml:1: not YAML: exceeded max depth of 10000"},
		"not UTF-8":               {"name: a\nhome: \xff\n", "f.yaml:2: not UTF-8"},
		"UTF-16":                  {"\xff\xfen\x00", "f.yaml:1: not UTF-8"},
		"NUL":                     {"name: a\n\nsize: \x00\n", "f.yaml:3: control character U+0000"},
		"escape sequence":         {"name: \x1b[31m\n", "f.yaml:1: control character U+001B"},
		"alias": {
			"name: &n a\nflags: [*n,\n *n]\n", "f.yaml:2: alias *n: aliases are not read, write the value out\nf.yaml:3: alias *n: aliases are not read, write the value out"},
		"alias as a merge":        {"home: &h {city: a}\nboats:\n- <<: *h\n", "f.yaml:3: alias *h: aliases are not read, write the value out"},
		"alias below an unknown":  {"x: &x {a: 1}\ny: {z: [*x]}\n", "f.yaml:2: alias *x: aliases are not read, write the value out"},
		"alias of itself":         {"flags: &f [*f]\n", "f.yaml:1: alias *f: aliases are not read, write the value out"},
		"alias without an anchor": {"name: *n\n", "f.yaml: aliases are not read: unknown anchor 'n' referenced"},
		"too large":               {"name: " + strings.Repeat("a", MaxSize), "f.yaml: more than 1048576 bytes, which is the most that is read"},
	} {
		t.Run(name, func(t *testing.T) {
			var got fleet
			doc := Decode("f.yaml", []byte(c.text), &got, nil)
			doc.Wrongf("name", "is checked though nothing was read")
			doc.Missingf("size", "is missed though nothing was read")
			if got := fmt.Sprint(doc.Err()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if !reflect.DeepEqual(got, fleet{}) {
				t.Errorf("something was read: %+v", got)
			}
		})
	}
}

func TestADocumentOfTheLargestSizeIsRead(t *testing.T) {
	text := "name: a\n#" + strings.Repeat("x", MaxSize-9)
	if err := Decode("f.yaml", []byte(text), &fleet{}, nil).Err(); err != nil || len(text) != MaxSize {
		t.Errorf("%d bytes: %v", len(text), err)
	}
}

func TestUnsupportedKeysThatAskForNothingAreAccepted(t *testing.T) {
	for _, zero := range []string{"", "null", "~", "false", "0", `""`, "''", "[]", "{}"} {
		text := "engine: " + zero + "\nboats:\n- crew: " + zero + "\n"
		if err := Decode("f.yaml", []byte(text), &fleet{}, fleetUnsupported).Err(); err != nil {
			t.Errorf("%q: %v", zero, err)
		}
	}
}

func TestBillionLaughsCostNothing(t *testing.T) {
	var b strings.Builder
	b.WriteString("flags: &l0 [lol]\n")
	for i := range 30 {
		fmt.Fprintf(&b, "x%d: &l%d [%s*l%d]\n", i, i+1, strings.Repeat(fmt.Sprintf("*l%d, ", i), 9), i)
	}
	err := Decode("f.yaml", []byte(b.String()), &fleet{}, nil).Err()
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != MaxFindings+1 || lines[MaxFindings] != "f.yaml: 100 findings, more may be left out" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func TestFindingsAreData(t *testing.T) {
	doc := Decode("f.yaml", []byte("home:\n  city: a\n"), &fleet{}, nil)
	cause := errors.New("flooded")
	doc.Wrongf("home.city", "%w", cause)
	err := doc.Err()
	var f *Finding
	if !errors.As(err, &f) || f.File != "f.yaml" || f.Line != 2 || f.Path != "home.city" || f.Err.Error() != "flooded" {
		t.Errorf("finding is %+v", f)
	}
	if !errors.Is(err, cause) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

func TestChecksOfMeaning(t *testing.T) {
	const text = "name: a\nhome:\n  city: b\nboats:\n- name: c\n- masts: 1\n"
	for name, c := range map[string]struct {
		text  string
		check func(*Document)
		want  string
	}{
		"a wrong value has its own line": {text,
			func(d *Document) { d.Wrongf("boats[0].name", "no") }, "f.yaml:5: boats[0].name: no"},
		"an absent value has the line around it": {text,
			func(d *Document) { d.Wrongf("home.depth", "no") }, "f.yaml:2: home.depth: no"},
		"a missing item's field has the item's line": {text,
			func(d *Document) { d.Missingf("boats[1].name", "no") }, "f.yaml:6: boats[1].name: no"},
		"a missing field of the document has none": {text,
			func(d *Document) { d.Missingf("size", "no") }, "f.yaml: size: no"},
		"a null field has its line": {"size:\n",
			func(d *Document) { d.Missingf("size", "no") }, "f.yaml:1: size: no"},
		"findings are sorted by line": {text,
			func(d *Document) { d.Wrongf("home", "no"); d.Wrongf("name", "no") }, "f.yaml:1: name: no\nf.yaml:2: home: no"},
		"an unread value is not judged": {"home: x\nname: y\n",
			func(d *Document) { d.Wrongf("home", "no"); d.Wrongf("home.city", "no"); d.Wrongf("name", "no") },
			"f.yaml:1: home: want a mapping, found \"x\"\nf.yaml:2: name: no"},
		"a misspelt field is not missed": {"nam: a\nhome:\n  city: b\n",
			func(d *Document) { d.Missingf("name", "no"); d.Missingf("home.depth", "no") },
			"f.yaml:1: nam: unknown key (did you mean name?)\nf.yaml:2: home.depth: no"},
		"a field with something unread in it is not missed": {"home:\n  cty: a\nname: b\n",
			func(d *Document) { d.Missingf("home", "no"); d.Missingf("size", "no") },
			"f.yaml: size: no\nf.yaml:2: home.cty: unknown key (did you mean city?)"},
		"an item beside an unread one is judged": {"boats:\n- x: 1\n- name: b\n",
			func(d *Document) { d.Missingf("boats[1].masts", "no"); d.Missingf("boats[0].name", "no") },
			"f.yaml:2: boats[0].x: unknown key\nf.yaml:3: boats[1].masts: no"},
		"like-named paths are apart": {"home: x\n",
			func(d *Document) { d.Wrongf("homestead", "no") }, "f.yaml: homestead: no\nf.yaml:1: home: want a mapping, found \"x\""},
	} {
		t.Run(name, func(t *testing.T) {
			doc := Decode("f.yaml", []byte(c.text), &fleet{}, nil)
			c.check(doc)
			if got := fmt.Sprint(doc.Err()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTheNumberOfFindingsIsBounded(t *testing.T) {
	for _, c := range []struct{ wrong, lines int }{
		{MaxFindings - 1, MaxFindings - 1},
		{MaxFindings, MaxFindings + 1},
		{MaxFindings + 7, MaxFindings + 1},
	} {
		var b strings.Builder
		for i := range c.wrong {
			fmt.Fprintf(&b, "colour%d: red\n", i)
		}
		doc := Decode("f.yaml", []byte(b.String()), &fleet{}, nil)
		if c.wrong > MaxFindings {
			doc.Wrongf("home", "no")
			doc.Missingf("home.city", "no")
		}
		lines := strings.Split(fmt.Sprint(doc.Err()), "\n")
		last := lines[len(lines)-1] == "f.yaml: 100 findings, more may be left out"
		if len(lines) != c.lines || last != (c.lines > MaxFindings) {
			t.Errorf("%d wrong: %d lines, the last is %q", c.wrong, len(lines), lines[len(lines)-1])
		}
	}
}

func TestAWrongIntoIsAMistakeInTheProgram(t *testing.T) {
	for name, into := range map[string]any{
		"nil":         nil,
		"a struct":    fleet{},
		"nil pointer": (*fleet)(nil),
		"a float": &struct {
			F float64 `yaml:"name"`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			Decode("f.yaml", []byte("name: a\n"), into, nil)
		})
	}
}

func TestReadFileIsBounded(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, make([]byte, 2*MaxSize), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := ReadFile(big)
	if err != nil || len(data) != MaxSize+1 {
		t.Errorf("%d bytes, %v; want %d", len(data), err, MaxSize+1)
	}
	for _, path := range []string{filepath.Join(dir, "none.yaml"), dir} {
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name %s", err, path)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"shortestPath", "minVersion", "maxVersion", "name", "full", "type"}
	for _, c := range []struct{ name, want string }{
		{"shortestpath", "shortestPath"},
		{"shortest", ""},
		{"minVersoin", "minVersion"},
		{"midVersion", "minVersion"},
		{"mxVersion", "maxVersion"},
		{"nam", "name"},
		{"x", ""},
		{"", ""},
		{"fool", "full"},
		{strings.Repeat("n", 65), ""},
	} {
		if got := nearest(c.name, known); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
}

package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// split cuts a text, read in pieces of any size, and ends with the error.
func split(text string, pieces func(io.Reader) io.Reader) (all []string, rest string, err error) {
	s := &jsonSplitter{r: pieces(strings.NewReader(text))}
	for {
		doc, err := s.next()
		if err != nil {
			rest, _ := io.ReadAll(s.rest())
			if err == io.EOF {
				return all, string(rest), nil
			}
			return all, string(rest), err
		}
		all = append(all, string(doc))
	}
}

func inOnePiece(r io.Reader) io.Reader { return r }

func TestSplitterAgreesWithEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		var text strings.Builder
		for range r.IntN(4) {
			text.WriteString(randomSpace(r) + "{" + randomMembers(r, 3) + "}" + randomSpace(r))
		}
		var want []string
		for dec := json.NewDecoder(strings.NewReader(text.String())); ; {
			var raw json.RawMessage
			if err := dec.Decode(&raw); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", text.String(), err)
			}
			want = append(want, string(raw))
		}
		for _, pieces := range []func(io.Reader) io.Reader{inOnePiece, iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader} {
			got, rest, err := split(text.String(), pieces)
			if err != nil || rest != "" {
				t.Fatalf("%s: rest %q, %v", text.String(), rest, err)
			}
			wantStrings(t, text.String(), got, want...)
		}
	}
}

func TestSplitterStops(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name, text, rest, want string
		count                  int
	}{
		{"cut in a value", `{"a":1} {"b":`, `{"b":`, "unexpected EOF", 1},
		{"cut in a string", `{"b":"}`, `{"b":"}`, "unexpected EOF", 0},
		{"cut behind a backslash", `{"b":"\`, `{"b":"\`, "unexpected EOF", 0},
		{"line break in a string", "{}{\"a\":\"\n\"}", "{\"a\":\"\n\"}", "is no JSON", 1},
		{"line break behind an escaped quote", "{}{\"a\":\"\\\"\n\"}", "{\"a\":\"\\\"\n\"}", "is no JSON", 1},
		{"no object", `{} [1]`, `[1]`, "is not an object", 1},
		{"brackets of two kinds", `{"a":]} x`, `} x`, "is not an object", 1},
		{"too long", `{"a":"` + strings.Repeat("x", MaxDocument) + `"}`, "", "is longer than", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, rest, err := split(test.text, inOnePiece)
			wantError(t, err, test.want)
			if len(got) != test.count || test.rest != "" && rest != test.rest {
				t.Errorf("got %q, rest %q", got, rest)
			}
		})
	}
	_, _, err := split(`{"a":1}{`, func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(broken)) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestSplitterHoldsLittle(t *testing.T) {
	text := strings.Repeat(`{"a":"`+strings.Repeat("x", 1000)+`"}`+"\n", 10_000)
	s := &jsonSplitter{r: strings.NewReader(text)}
	n := 0
	for ; ; n++ {
		if _, err := s.next(); err != nil {
			break
		}
	}
	if n != 10_000 || cap(s.buf) > 4*readAhead {
		t.Errorf("%d objects, a buffer of %d bytes", n, cap(s.buf))
	}
}

// What is skipped may be broken, as long as its end can be found; what is wanted may not.
func TestBrokenDocumentsOfOtherPackagesDoNotMatter(t *testing.T) {
	// The second object settles that a file is JSON.
	const ok = `{"schema":"olm.package","name":"foo","defaultChannel":"stable"}{"schema":"z"}`
	tests := []struct{ name, text, want string }{
		{"number", ok + `{"schema":"olm.bundle","package":"bar","a":01}`, ""},
		{"inner object", ok + `{"schema":"olm.bundle","package":"bar","a":{x},"properties":[{]}}`, ""},
		{"entries", ok + `{"schema":"olm.channel","package":"bar","entries":[{"name":1}]}`, ""},
		{"yaml", "schema: olm.package\nname: foo\n---\nschema: olm.bundle\npackage: bar\na: {b\n", ""},
		{"yaml properties", "schema: olm.package\nname: foo\n---\nschema: olm.bundle\npackage: bar\nproperties:\n- type: olm.gvk\n  value: {b\n", ""},
		{"no end", ok + `{"schema":"olm.bundle","package":"bar","a":{`, "a: document 3: unexpected EOF"},
		{"quote missing", ok + `{"schema":"olm.bundle","package":"bar","a":"}` + "\n" + ok + `{"schema":"olm.bundle","package":"bar","b":"x"}`, "a: document 3: "},
		{"quotes missing around another document", ok + `{"schema":"olm.bundle","package":"bar","a":{"b":"x}}` + "\n" + `{"schema":"olm.bundle","package":"foo","c":{"d":y"}}`,
			"a: document 3: invalid character '\\n' in string literal"},
		{"too long", ok + `{"schema":"olm.bundle","package":"bar","a":"` + strings.Repeat("x", 2*MaxDocument+readAhead), "a: document 3: is longer than"},
		{"key twice", ok + `{"schema":"olm.bundle","package":"bar","Package":"foo"}`, `a: document 3: the key "Package" stands twice`},
		{"of the wanted one", ok + `{"schema":"olm.bundle","package":"foo","a":01}`, "a: document 3: invalid character '1' after object key:value pair"},
		{"of nobody", ok + `{"schema":"olm.bundle","a":01}`, "a: document 3: invalid character '1'"},
		{"inside of the wanted one", ok + `{"schema":"olm.bundle","package":"foo","a":{x}}`, "a: document 3: invalid character 'x'"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := tryFiles(map[string]string{"a": test.text}, "foo")
			if test.want == "" && err != nil {
				t.Errorf("got %v", err)
			}
			if test.want != "" {
				wantError(t, err, test.want)
			}
		})
	}
}

// The members, elements and documents of any bytes are inside of them, and those
// of JSON are those of encoding/json.
func FuzzLookAtJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\"}"}],"c":null}`, `{"a" "b"}`, `{"\`, `{"a":[,]}`, `[{"a":}`, "{\"a\":\"\n\"}", `{"a":1,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := members(text)
		for _, m := range all {
			for _, e := range elements(text[m.start:m.end]) {
				_ = text[m.start:m.end][e.start:e.end]
			}
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(text, &want) == nil && want != nil && err == nil {
			if len(all) != len(want) {
				t.Fatalf("%d members, want %d", len(all), len(want))
			}
			for _, m := range all {
				if !bytes.Equal(text[m.start:m.end], want[m.key]) {
					t.Fatalf("%q is %q, want %q", m.key, text[m.start:m.end], want[m.key])
				}
			}
		}
		got, rest, err := split(string(text), iotest.HalfReader)
		if err == nil && rest != "" {
			t.Fatalf("rest %q", rest)
		}
		if !strings.HasPrefix(strings.Join(strings.Fields(string(text)), ""), strings.Join(strings.Fields(fmt.Sprint(strings.Join(got, ""))), "")) {
			t.Fatalf("%q of %q", got, text)
		}
	})
}

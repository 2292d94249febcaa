package catalog

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestKeepElementsLeavesEveryOtherByte(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"layout and escapes", "{ \"a\\\"{\" : \"\\\\\",\r\n\t\"entries\" : [ {\"x\":[1,\"]\"]} , {\"y\":{}} , 3 ],\"z\": -1.5E+3 }",
			"{ \"a\\\"{\" : \"\\\\\",\r\n\t\"entries\" : [{\"x\":[1,\"]\"]},3],\"z\": -1.5E+3 }"},
		{"key in another case", `{"Entries":[1,2,3]}`, `{"Entries":[1,3]}`},
		{"escaped key", `{"\u0065ntries":[true,false,null]}`, `{"\u0065ntries":[true,null]}`},
		{"only the top level", `{"a":{"entries":[7]},"entries":["1","2","3"]}`, `{"a":{"entries":[7]},"entries":["1","3"]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := keepElements([]byte(test.in), "entries", []bool{true, false, true})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestMembersAgreeWithEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := "{" + randomMembers(r, 3) + "}"
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all, err := members([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := map[string]json.RawMessage{}
		for _, m := range all {
			got[m.key] = json.RawMessage(text[m.start:m.end])
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

func randomMembers(r *rand.Rand, depth int) string {
	var all []string
	for i := range r.IntN(4) {
		key := []string{`"a\"%"`, `"\u0062\\%"`, `" {%"`, `"]%"`}[i]
		key = strings.Replace(key, "%", string(rune('p'+i)), 1)
		all = append(all, randomSpace(r)+key+randomSpace(r)+":"+randomSpace(r)+randomValue(r, depth)+randomSpace(r))
	}
	return strings.Join(all, ",")
}

func randomValue(r *rand.Rand, depth int) string {
	switch n := r.IntN(8); {
	case n == 0 && depth > 0:
		return "{" + randomMembers(r, depth-1) + "}"
	case n == 1 && depth > 0:
		return "[" + randomValue(r, depth-1) + randomSpace(r) + "," + randomValue(r, depth-1) + "]"
	default:
		return []string{"-0.5e-7", "true", "null", `"}\\"`, `"\\\"],"`, "[]", "{}", "12"}[n]
	}
}

func randomSpace(r *rand.Rand) string { return []string{"", " ", "\n\t"}[r.IntN(3)] }

func TestMembersRefuseKeysThatDifferInCaseOnly(t *testing.T) {
	for _, text := range []string{`{"name":"a","Name":"b"}`, `{"name":"a","name":"b"}`, `{"ſchema":"a","schema":"b"}`} {
		if _, err := members([]byte(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
	if _, err := members([]byte(`["schema"]`)); err == nil {
		t.Error("a list passes for an object")
	}
}

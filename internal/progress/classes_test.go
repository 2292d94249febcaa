package progress

import (
	"reflect"
	"testing"
)

func TestAClassEndsWithItsLastPiece(t *testing.T) {
	c := NewClasses()
	c.Add("a", 1, []string{"release"})
	c.Add("shared", 10, []string{"operators", "release"})
	c.Add("b", 100, []string{"operators"})
	c.Add("nobody's", 7, nil)
	for _, step := range []struct {
		piece string
		want  []EndedClass
	}{
		{"nobody's", nil}, {"unknown", nil}, {"b", nil}, {"b", nil}, // a second time counts for nothing
		{"shared", []EndedClass{{"operators", 2, 110}}}, {"a", []EndedClass{{"release", 2, 11}}},
	} {
		if got := c.Done(step.piece, true); !reflect.DeepEqual(got, step.want) {
			t.Errorf("%s: %v, want %v", step.piece, got, step.want)
		}
	}
}

func TestAClassThatWasThereIsNotTold(t *testing.T) {
	c := NewClasses()
	c.Add("a", 1, []string{"release"})
	c.Add("b", 1, []string{"graph"})
	if got := append(c.Done("a", false), c.Done("b", true)...); !reflect.DeepEqual(got, []EndedClass{{"graph", 1, 1}}) {
		t.Errorf("%v", got)
	}
	var none *Classes
	if got := none.Done("a", true); got != nil {
		t.Errorf("%v", got)
	}
}

func TestForNode(t *testing.T) {
	var got []Event
	n := ForNode(func(e Event) { got = append(got, e) }, "node1")
	n.Func().Advance(5)
	n.Func().Skip(2)
	n.Func().Advance(-1)
	n.Func().NodeFailed("", "stopped")
	want := []Event{
		{Kind: Advance, Node: "node1", Bytes: 5}, {Kind: Skip, Node: "node1", Bytes: 2},
		{Kind: Advance, Node: "node1", Bytes: -1}, {Kind: Failed, Node: "node1", Name: "stopped"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	ForNode(nil, "node1").Func().NodeFailed("", "stopped")
}

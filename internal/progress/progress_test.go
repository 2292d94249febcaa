package progress

import (
	"reflect"
	"testing"
)

func TestEvents(t *testing.T) {
	var got []Event
	f := Func(func(e Event) { got = append(got, e) })
	f.Phase("push", 100)
	f.Advance(40)
	f.Advance(-40)
	f.Note("node1", "retry")
	want := []Event{
		{Kind: Phase, Name: "push", Bytes: 100},
		{Kind: Advance, Bytes: 40},
		{Kind: Advance, Bytes: -40},
		{Kind: Note, Node: "node1", Name: "retry"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestNilIsSilent(t *testing.T) {
	var f Func
	f.Phase("push", 1)
	f.Advance(1)
	f.Note("", "text")
}

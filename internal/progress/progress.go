// Package progress is what long work reports while it runs: events, given to a
// callback. Work never draws; internal/ui does. A nil [Func] is silent.
package progress

// Kind says what an Event tells.
type Kind string

// The kinds of events.
const (
	// Phase begins a stage of the work: Name says which, Bytes is how much of
	// it there is in all, 0 when that is not counted in bytes.
	Phase Kind = "phase"
	// Advance says that Bytes more are done. Bytes is negative when work had
	// to be taken back and is done again.
	Advance Kind = "advance"
	// Note is one line that a person wants to read: a thing that ended, a
	// warning, a retry.
	Note Kind = "note"
)

// Event is one thing that happened.
type Event struct {
	Kind Kind `json:"kind"`
	// Name is the stage of a Phase, the text of a Note.
	Name string `json:"name,omitempty"`
	// Node is set when the event belongs to one node of a site.
	Node  string `json:"node,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

// Func takes events. It is called from many goroutines at once and must be
// quick. A nil Func is silent.
type Func func(Event)

// Phase begins a stage of bytes in all.
func (f Func) Phase(name string, bytes int64) { f.emit(Event{Kind: Phase, Name: name, Bytes: bytes}) }

// Advance reports n more bytes.
func (f Func) Advance(n int64) { f.emit(Event{Kind: Advance, Bytes: n}) }

// Note reports a line of text; node may be empty.
func (f Func) Note(node, text string) { f.emit(Event{Kind: Note, Node: node, Name: text}) }

func (f Func) emit(e Event) {
	if f != nil {
		f(e)
	}
}

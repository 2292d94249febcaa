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
	// Skip says that Bytes more need no work: they are there from before, or
	// are given up. They count as done and say nothing about how fast work goes.
	Skip Kind = "skip"
	// Ended says that a part of the work is whole: all blobs of a Class of images,
	// Pieces of them with Bytes in all, or, when Class is empty, all that a node
	// gets, of which Name is the line of text.
	Ended Kind = "ended"
	// Failed says that nothing more is expected of a Node, and that what was done
	// there is no part of the work any more. Name is the line of text.
	Failed Kind = "failed"
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
	Node string `json:"node,omitempty"`
	// Nodes, of a Phase, go on beside each other: each has an equal share of Bytes.
	Nodes []string `json:"nodes,omitempty"`
	// Counted, of a Phase, says that its Bytes, and those of Advance and Skip in it,
	// are a number of pieces: each takes about as long as another, whatever its size.
	Counted bool `json:"counted,omitempty"`
	// Blobs, of a Phase, are what it brings to each of Nodes, in their order.
	Blobs []Blob `json:"-"`
	// Blob is of which of Blobs an Advance or a Skip tells; empty when none is named.
	Blob   string `json:"-"`
	Class  string `json:"class,omitempty"`
	Pieces int    `json:"pieces,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
}

// Blob is one of the blobs of a Phase, with its size in bytes.
type Blob struct {
	Name  string
	Bytes int64
}

// Func takes events. It is called from many goroutines at once and must be
// quick. A nil Func is silent.
type Func func(Event)

// Phase begins a stage of bytes in all.
func (f Func) Phase(name string, bytes int64) { f.emit(Event{Kind: Phase, Name: name, Bytes: bytes}) }

// PhaseOf begins a stage in which every one of nodes gets bytes.
func (f Func) PhaseOf(name string, bytes int64, nodes []string) {
	f.emit(Event{Kind: Phase, Name: name, Bytes: bytes * int64(len(nodes)), Nodes: nodes})
}

// PhaseOfBlobs is Phase, or PhaseOf when there are nodes, of blobs that are known:
// so it can be told how long it takes until the last of them is there.
func (f Func) PhaseOfBlobs(name string, bytes int64, blobs []Blob, nodes []string) {
	f.emit(Event{Kind: Phase, Name: name, Bytes: bytes * int64(max(1, len(nodes))), Nodes: nodes, Blobs: blobs})
}

// Of reports to where f does, Advance and Skip as of a blob.
func (f Func) Of(blob string) Func {
	if f == nil {
		return nil
	}
	return func(e Event) {
		e.Blob = blob
		f(e)
	}
}

// PiecesOf begins a stage in which every one of nodes gets a number of pieces,
// which Advance and Skip count until the next stage.
func (f Func) PiecesOf(name string, pieces int, nodes []string) {
	f.emit(Event{Kind: Phase, Name: name, Bytes: int64(pieces) * int64(len(nodes)), Nodes: nodes, Counted: true})
}

// Advance reports n more bytes.
func (f Func) Advance(n int64) { f.emit(Event{Kind: Advance, Bytes: n}) }

// Skip reports n more bytes that needed no work.
func (f Func) Skip(n int64) { f.emit(Event{Kind: Skip, Bytes: n}) }

// NodeEnded reports that a node has all that it gets; text is the line that says so.
func (f Func) NodeEnded(node, text string) { f.emit(Event{Kind: Ended, Node: node, Name: text}) }

// NodeFailed reports that a node gets no more; text is the line that says so.
func (f Func) NodeFailed(node, text string) { f.emit(Event{Kind: Failed, Node: node, Name: text}) }

// ClassEnded reports that all blobs of a class of images are in their place.
func (f Func) ClassEnded(c EndedClass) {
	f.emit(Event{Kind: Ended, Class: c.Name, Pieces: c.Pieces, Bytes: c.Bytes})
}

// Note reports a line of text; node may be empty.
func (f Func) Note(node, text string) { f.emit(Event{Kind: Note, Node: node, Name: text}) }

func (f Func) emit(e Event) {
	if f != nil {
		f(e)
	}
}

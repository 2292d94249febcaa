package ui

import (
	"encoding/json"

	"drayage/internal/progress"
)

// event is one line of JSON; docs/json.md describes it.
type event struct {
	Kind    string  `json:"event"`
	Seconds float64 `json:"seconds"`
	Phase   string  `json:"phase,omitempty"`
	Node    string  `json:"node,omitempty"`
	Class   string  `json:"class,omitempty"`
	Text    string  `json:"text,omitempty"`
	Blobs   int     `json:"blobs,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	Done    *int64  `json:"done,omitempty"`
	Total   *int64  `json:"total,omitempty"`
	Unit    string  `json:"unit,omitempty"`
	Rate    *int64  `json:"bytesPerSecond,omitempty"`
	Left    *int64  `json:"secondsLeft,omitempty"`
}

// state is where the phase stands.
func (u *UI) state() {
	p, now := u.phase, u.now()
	done := p.done()
	e := event{Kind: "state", Phase: p.name, Done: &done, Total: &p.total, Unit: unit(p.counted)}
	if !p.counted {
		rate := p.rate(now)
		e.Rate = &rate
	}
	if left, known := p.left(now); known {
		seconds := int64(left.Seconds())
		e.Left = &seconds
	}
	u.event(e)
}

// unit is what is counted, if it is not bytes.
func unit(counted bool) string {
	if counted {
		return "pieces"
	}
	return ""
}

func (u *UI) noteEvent(e progress.Event) {
	phase := ""
	if e.Kind != progress.Note {
		phase = u.stage
	}
	u.event(event{Kind: string(e.Kind), Phase: phase, Node: e.Node, Class: e.Class, Text: e.Name, Blobs: e.Pieces, Bytes: e.Bytes})
}

func (u *UI) event(e event) {
	e.Seconds = float64(u.now().Sub(u.began).Milliseconds()) / 1000
	w := json.NewEncoder(&u.unsent)
	w.SetEscapeHTML(false)
	_ = w.Encode(e) // into memory, and all of it can be said in JSON
}

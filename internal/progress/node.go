package progress

import "sync/atomic"

// Node is the part of the work that one node has.
type Node struct {
	name string
	f    Func
	done atomic.Int64
}

// ForNode makes the part of a node of what is reported to f.
func ForNode(f Func, name string) *Node { return &Node{name: name, f: f} }

// Func reports to where the whole does, each event with the node's name.
func (n *Node) Func() Func {
	if n.f == nil {
		return nil
	}
	return func(e Event) {
		e.Node = n.name
		if e.Kind == Advance || e.Kind == Skip {
			n.done.Add(e.Bytes)
		}
		n.f(e)
	}
}

// GiveUp takes what is left of a node's total bytes out of the work: nothing
// more is expected of it.
func (n *Node) GiveUp(total int64) {
	if left := total - n.done.Load(); left != 0 {
		n.Func().Skip(left)
	}
}

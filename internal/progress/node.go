package progress

// Node is the part of the work that one node has.
type Node struct {
	name string
	f    Func
}

// ForNode makes the part of a node of what is reported to f.
func ForNode(f Func, name string) *Node { return &Node{name, f} }

// Func reports to where the whole does, each event with the node's name.
func (n *Node) Func() Func {
	if n.f == nil {
		return nil
	}
	return func(e Event) {
		e.Node = n.name
		n.f(e)
	}
}

package progress

import "sync"

// Classes tells when all pieces of a class of images are done. One piece may
// belong to several classes. It is for use by many goroutines once it is filled;
// a nil Classes does nothing.
type Classes struct {
	mu      sync.Mutex
	of      map[string][]string // piece -> classes
	classes map[string]*class
}

type class struct {
	left, pieces int
	bytes        int64
	worked       bool
}

// NewClasses makes an empty one.
func NewClasses() *Classes {
	return &Classes{of: map[string][]string{}, classes: map[string]*class{}}
}

// Add puts a piece of a size in bytes into classes, each named once. It is
// called once for each piece.
func (c *Classes) Add(piece string, bytes int64, classes []string) {
	c.of[piece] = classes
	for _, name := range classes {
		k := c.classes[name]
		if k == nil {
			k = &class{}
			c.classes[name] = k
		}
		k.left++
		k.pieces++
		k.bytes += bytes
	}
}

// EndedClass is a class of which the last piece is done.
type EndedClass struct {
	Name   string
	Pieces int
	Bytes  int64
}

// Done notes that a piece is done, once; worked says that it had to be brought.
// It returns the classes that end with it and for which something was brought.
func (c *Classes) Done(piece string, worked bool) []EndedClass {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var ended []EndedClass
	for _, name := range c.of[piece] {
		k := c.classes[name]
		k.left--
		k.worked = k.worked || worked
		if k.left == 0 && k.worked {
			ended = append(ended, EndedClass{name, k.pieces, k.bytes})
		}
	}
	delete(c.of, piece)
	return ended
}

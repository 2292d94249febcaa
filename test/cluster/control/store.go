package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
)

// Store holds the state in force and the journal. Its methods may be called
// from several goroutines.
type Store struct {
	mu      sync.Mutex
	state   State
	journal []Entry
	wake    []func()
}

// NewStore begins with a state.
func NewStore(s State) *Store { return &Store{state: s} }

// State is a copy of the state in force.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.state
	c.Degraded, c.StuckDrain = maps.Clone(c.Degraded), maps.Clone(c.StuckDrain)
	c.Catalogs, c.Stats = maps.Clone(c.Catalogs), maps.Clone(c.Stats)
	return c
}

// Patch merges a JSON document into the state: all of it, or nothing if any of
// it is wrong.
func (s *Store) Patch(raw []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	merged, err := merge(old, raw)
	if err != nil {
		return err
	}
	next, err := decode(merged)
	if err != nil {
		return err
	}
	s.set(next)
	return nil
}

// Set puts another state in the place of the one in force.
func (s *Store) Set(next State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(next)
}

func (s *Store) set(next State) {
	s.state = next
	for _, w := range s.wake {
		w()
	}
}

// OnChange calls back after each change; the callback must not block.
func (s *Store) OnChange(wake func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake = append(s.wake, wake)
}

// Log adds an entry to the journal.
func (s *Store) Log(subject, step, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = append(s.journal, Entry{subject, step, fmt.Sprintf(format, args...)})
}

// Journal is a copy of what happened so far.
func (s *Store) Journal() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Entry{}, s.journal...)
}

// ClearJournal forgets it.
func (s *Store) ClearJournal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = nil
}

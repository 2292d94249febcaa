package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxPatch bounds a patch, in bytes.
const maxPatch = 1 << 20

// merge is a JSON merge patch (RFC 7386) of two objects.
func merge(old, patch []byte) ([]byte, error) {
	var o, p map[string]any
	if err := errors.Join(json.Unmarshal(old, &o), json.Unmarshal(patch, &p)); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return json.Marshal(mergeMaps(o, p))
}

func mergeMaps(old, patch map[string]any) map[string]any {
	for k, v := range patch {
		o, isOld := old[k].(map[string]any)
		p, isPatch := v.(map[string]any)
		switch {
		case v == nil:
			delete(old, k)
		case isOld && isPatch:
			old[k] = mergeMaps(o, p)
		default:
			old[k] = v
		}
	}
	return old
}

// decode refuses keys that are not known: a test that misspells one would
// otherwise test nothing.
func decode(raw []byte) (State, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	s := Default()
	if err := d.Decode(&s); err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	return s, nil
}

// Handler serves a store. Restart is called for POST /restart.
func Handler(s *Store, restart func(ctx context.Context, down time.Duration) error) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.State()) })
	m.HandleFunc("GET /journal", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Journal()) })
	m.HandleFunc("DELETE /journal", func(http.ResponseWriter, *http.Request) { s.ClearJournal() })
	m.HandleFunc("PATCH /state", func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPatch))
		if err == nil {
			err = s.Patch(raw)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	m.HandleFunc("POST /restart", func(w http.ResponseWriter, r *http.Request) {
		down, err := strconv.Atoi(r.FormValue("downMillis"))
		if err != nil {
			http.Error(w, "downMillis: "+err.Error(), http.StatusBadRequest)
			return
		}
		if err := restart(r.Context(), time.Duration(down)*time.Millisecond); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return m
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

package bundle

import (
	"errors"
	"path/filepath"
	"testing"
)

// A build that ends while it plans says what an earlier run left, and leaves it.
func TestWhatAnEarlierRunLeftIsToldWhenPlanningEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.tar")
	planning := errors.New("planning ended")
	for _, kept := range []bool{false, true, true} {
		if kept {
			broken(t, path)
		}
		u, err := Begin(path, VolumeOptions{})
		check(t, err)
		unfinished := (*UnfinishedError)(nil)
		switch err := u.Keeps(planning); {
		case u.Keeps(nil) != nil || !errors.Is(err, planning) || errors.As(err, &unfinished) != kept:
			t.Errorf("kept %v: %v", kept, err)
		case kept && (unfinished.Path != path+partial || unfinished.Kept < 12<<20 || unfinished.Kept >= unfinished.Size || u.Keeps(err) != err):
			t.Errorf("%+v", unfinished)
		}
		check(t, u.Close())
	}
}

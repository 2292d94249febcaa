package ui

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"
	"time"

	"drayage/internal/progress"
)

// link tells how many bytes a second each of so many streams carries.
type link func(streams int) float64

// layers are as those of a release: many small ones, some large, one of a tenth of
// all at a place between 0 and 1.
func layers(seed int64, place float64) (blobs []progress.Blob) {
	r := rand.New(rand.NewSource(seed))
	var sum int64
	for i := range 120 {
		size := int64(math.Exp(r.NormFloat64()*1.2+15)) + 1000
		sum += size
		blobs = append(blobs, progress.Blob{Name: fmt.Sprint(i), Bytes: size})
	}
	blobs[int(place*119)].Bytes = sum / 9
	return blobs
}

// told plays the transfer in steps of a tenth of a second and returns, at each part
// of the work, the time told over the true one.
func told(blobs []progress.Blob, streams int, l link, parts []float64) (ratios []float64) {
	c := newClocked(nothing, 80)
	p := c.Progress()
	var total, done int64
	for _, b := range blobs {
		total += b.Bytes
	}
	p.PhaseOfBlobs("push", total, blobs, nil)
	type look struct{ at, left time.Duration }
	var looks []look
	begin := c.at
	left := map[string]int64{}
	var flow []string
	next := 0
	pause := make([]int, streams) // steps that a stream still commits and asks
	for done < total {
		pausing := 0
		for i := range pause {
			if pause[i] > 0 {
				pause[i]--
				pausing++
			}
		}
		for len(flow)+pausing < streams && next < len(blobs) {
			flow, left[blobs[next].Name] = append(flow, blobs[next].Name), blobs[next].Bytes
			next++
		}
		c.at = c.at.Add(100 * time.Millisecond)
		each := int64(l(max(1, len(flow))) / 10)
		var kept []string
		for _, name := range flow {
			n := min(each, left[name])
			left[name] -= n
			done += n
			p.Of(name).Advance(n)
			if left[name] > 0 {
				kept = append(kept, name)
			} else {
				pause[slices.Index(pause, 0)] = 3
			}
		}
		flow = kept
		if len(looks) < len(parts) && float64(done) >= parts[len(looks)]*float64(total) {
			d, _ := c.phase.left(c.at)
			looks = append(looks, look{c.at.Sub(begin), d})
		}
	}
	for _, k := range looks {
		ratios = append(ratios, float64(k.left)/float64(c.at.Sub(begin)-k.at))
	}
	return ratios
}

func TestTheTimeToldIsNearTheTrueOne(t *testing.T) {
	links := []struct {
		name       string
		half, late float64 // how far off it may be at half of the bytes, and at 3/4
		link       link
	}{
		{"one fast link", 0.20, 0.20, func(k int) float64 { return 20e6 / float64(k) }},
		{"each stream by itself", 0.30, 0.35, func(int) float64 { return 0.5e6 }},
		{"one slow line", 0.20, 0.20, func(k int) float64 { return 2e6 / float64(k) }},
	}
	parts := []float64{0.25, 0.5, 0.75}
	for _, l := range links {
		for _, place := range []float64{0, 0.3, 0.6, 0.9, 1} {
			for seed := range int64(5) {
				got := told(layers(seed, place), 4, l.link, parts)
				if math.Abs(got[1]-1) > l.half || math.Abs(got[2]-1) > l.late {
					t.Errorf("%s, the large one at %.1f, seed %d: at %v of the bytes %.2f of the true time is told", l.name, place, seed, parts, got)
				}
			}
		}
	}
}

package main

import (
	"cmp"
	"slices"
	"time"
)

// report is all that was measured.
type report struct {
	*world
	tools   []tool
	absent  []string
	machine machine
	rounds  map[string]map[string][]usage // tool -> step -> rounds
	done    int                           // rounds
	cold    float64                       // bytes read of the medium for each byte of a bundle that was not cached
	links   *linkResult                   // nil if not measured
	low     float64                       // least and most load before a step
	high    float64
}

// measure runs everything.
func (r *report) measure() error {
	r.rounds = map[string]map[string][]usage{}
	began := time.Now()
	for i := range r.o.rounds {
		if i > 0 && time.Since(began) > r.o.last {
			break
		}
		r.done++
		for _, t := range r.tools {
			got, err := runner{r.world, t}.round()
			if r.ctx.Err() != nil {
				return r.ctx.Err()
			}
			if err != nil && t.name == our {
				return err
			}
			if err != nil { // a peer that fails is left out, and said
				r.absent = append(r.absent, "failed: "+err.Error())
				say("%v", err)
			}
			r.note(t.name, got)
		}
	}
	if err := r.measureCold(); err != nil {
		return err
	}
	if !r.o.links {
		return nil
	}
	return r.measureLinks()
}

func (r *report) note(tool string, got map[string]usage) {
	if r.rounds[tool] == nil {
		r.rounds[tool] = map[string][]usage{}
	}
	for step, u := range got {
		if r.low == 0 || u.load < r.low {
			r.low = u.load
		}
		r.high = max(r.high, u.load)
		r.rounds[tool][step] = append(r.rounds[tool][step], u)
	}
}

// ours is a runner of our own, in an empty folder.
func (r *report) ours() (runner, error) {
	own := runner{r.world, r.tools[0]}
	return own, own.fresh()
}

// measureCold pushes a bundle of which the page cache has nothing.
func (r *report) measureCold() error {
	own, err := r.ours()
	if err != nil {
		return err
	}
	if err := own.aside(own.t.steps[0].script); err != nil {
		return err
	}
	if err := own.clear(); err != nil {
		return err
	}
	if err := forget(own.result()); err != nil {
		return err
	}
	u, err := spawn(r.ctx, own.dir(), own.env(), own.t.script(stepPush))
	if err != nil {
		return err
	}
	r.cold = ratio(u.read, onDisk(own.result(), ""))
	say("cold push  %6.2f s   %.3f bytes read for each of the bundle", u.wall.Seconds(), r.cold)
	return nil
}

// script is that of a step.
func (t tool) script(name string) string {
	i := slices.IndexFunc(t.steps, func(s step) bool { return s.name == name })
	return t.steps[i].script
}

// median of each figure by itself; false if there is none.
func (r *report) median(tool, step string) (usage, bool) {
	all := r.rounds[tool][step]
	if len(all) == 0 {
		return usage{}, false
	}
	return usage{
		wall:    middle(all, func(u usage) time.Duration { return u.wall }),
		synced:  middle(all, func(u usage) time.Duration { return u.synced }),
		cpu:     middle(all, func(u usage) time.Duration { return u.cpu }),
		served:  middle(all, func(u usage) time.Duration { return u.served }),
		peak:    middle(all, func(u usage) int64 { return u.peak }),
		base:    middle(all, func(u usage) int64 { return u.base }),
		read:    middle(all, func(u usage) int64 { return u.read }),
		written: middle(all, func(u usage) int64 { return u.written }),
		fetched: middle(all, func(u usage) int64 { return u.fetched }),
		staged:  middle(all, func(u usage) int64 { return u.staged }),
		result:  middle(all, func(u usage) int64 { return u.result }),
		writes:  middle(all, func(u usage) int { return u.writes }),
		changed: middle(all, func(u usage) int { return u.changed }),
	}, true
}

func middle[T cmp.Ordered](all []usage, figure func(usage) T) T {
	var values []T
	for _, u := range all {
		values = append(values, figure(u))
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

func ratio[T int64 | time.Duration](a, b T) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

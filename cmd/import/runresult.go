package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"drayage/internal/cmdline"
	"drayage/pkg/cluster"
	"drayage/pkg/importer"
)

// runResult is what --json prints; docs/json.md describes it.
type runResult struct {
	Cluster  cluster.Info      `json:"cluster"`
	Root     digest.Digest     `json:"root"`
	Bytes    int64             `json:"bytes"`
	Findings []cluster.Finding `json:"findings"`
	// Steps are those that were begun, in their order.
	Steps []runStep `json:"steps"`
}

// The results of a step.
const (
	stepDone      = "done"
	stepNothing   = "nothing to do"
	stepSkipped   = "skipped"
	stepFailed    = "failed"
	stepCancelled = "cancelled"
)

// runStep is what became of one step.
type runStep struct {
	Step   string `json:"step"`
	Result string `json:"result"`
	Text   string `json:"text"`
	// Objects are those that a step applied or tried to.
	Objects []cluster.Change `json:"objects,omitempty"`
	// Pushed is of the step push, States of the step check.
	Pushed []importer.NodeResult `json:"pushed,omitempty"`
	States []importer.NodeState  `json:"states,omitempty"`
}

// failed makes a step's result of its error.
func (s runStep) failed(err error) runStep {
	s.Result, s.Text = stepFailed, err.Error()
	if errors.Is(err, context.Canceled) {
		s.Result, s.Text = stepCancelled, ""
	}
	return s
}

// steps takes one step after the other, until one fails.
func (r *onSite) steps() error {
	for _, step := range []struct {
		name string
		do   func() (runStep, error)
	}{
		{"verify", r.verify}, {"nodes", r.applyNodes}, {"registries", r.waitForRegistries}, {"push", r.push},
		{"check", r.check}, {"mirrors", r.applyMirrors}, {"catalogs", r.applyCatalogs},
	} {
		if err := r.c.Context.Err(); err != nil {
			return err
		}
		s, err := step.do()
		s.Step = step.name
		if err != nil {
			s = s.failed(err)
		}
		r.result.Steps = append(r.result.Steps, s)
		r.say(s)
		if err != nil {
			return err
		}
	}
	return nil
}

// say prints a step's line. What failed is for whoever reports errors.
func (r *onSite) say(s runStep) {
	w := r.c.App.Writer
	if r.c.Bool("json") {
		w = r.c.App.ErrWriter
	}
	line := fmt.Sprintf("%-10s  %s", s.Step, s.Result)
	if s.Text != "" && s.Result != stepFailed {
		line += ": " + s.Text
	}
	fmt.Fprintln(w, line)
}

func (r *onSite) print() error {
	if !r.c.Bool("json") {
		return nil
	}
	return cmdline.PrintJSON(r.c.App.Writer, r.result)
}

package main

import (
	"fmt"
	"strings"
	"time"

	"drayage/internal/cmdline"
	"drayage/pkg/importer"
)

// registryPause is the time between two questions to registries that are not up.
const registryPause = 3 * time.Second

// waitForRegistries waits until every node's registry answers.
func (r *onSite) waitForRegistries() (runStep, error) {
	u := cmdline.UI(r.c)
	defer u.Close()
	nodes := r.site.Nodes
	end := time.Now().Add(r.c.Duration("registry-timeout"))
	said := ""
	for first := true; ; first = false {
		errs := importer.Answer(r.c.Context, r.client, r.site, nodes)
		if err := r.c.Context.Err(); err != nil {
			return runStep{}, err
		}
		silent := r.silent(errs)
		switch {
		case silent.Failed == 0 && first:
			return runStep{Result: stepNothing, Text: fmt.Sprintf("%d registries answer", len(nodes))}, nil
		case silent.Failed == 0:
			return runStep{Result: stepDone, Text: fmt.Sprintf("%d registries answer", len(nodes))}, nil
		case time.Now().After(end):
			text := fmt.Sprintf("%d of %d registries answer", len(nodes)-silent.Failed, len(nodes))
			return runStep{Result: stepDone, Text: text}, r.tolerate(silent)
		}
		if text := strings.ReplaceAll(silent.Error(), "\n", "; "); text != said {
			said = text
			u.Progress().Note("", "waiting for registries: "+text)
		}
		select {
		case <-r.c.Context.Done():
			return runStep{}, r.c.Context.Err()
		case <-time.After(registryPause):
		}
	}
}

// silent are the nodes that do not answer.
func (r *onSite) silent(errs []error) *importer.NodesError {
	e := &importer.NodesError{Of: len(errs)}
	for i, err := range errs {
		if err != nil {
			e.Failed++
			e.Errs = append(e.Errs, fmt.Errorf("%s: %w: %w", r.site.Nodes[i].Name, importer.ErrSilent, err))
		}
	}
	return e
}

package main

import (
	"slices"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/cluster"
	"drayage/pkg/importer"
	"drayage/pkg/site"
)

// warn prints the warnings that were not printed before in this run: what a step
// finds may not have been so when the run began.
func (r *onSite) warn(findings []cluster.Finding) {
	var texts []string
	for _, f := range findings {
		if f.Warning && !slices.Contains(r.result.Findings, f) {
			r.result.Findings = append(r.result.Findings, f)
			texts = append(texts, f.String())
		}
	}
	cmdline.Warn(r.c, texts)
}

func (r *onSite) prepareOptions(u *ui.UI) cluster.PrepareOptions {
	o := prepareOptions(r.c, r.to, r.site, r.bundle, u)
	o.NodeExtra = r.lacking
	return o
}

// survey asks the nodes what they lack of the bundle, for their disks. A node
// whose registry does not answer will get everything.
func (r *onSite) survey() error {
	errs := importer.Answer(r.c.Context, r.client, r.site, r.site.Nodes)
	if err := r.c.Context.Err(); err != nil {
		return err
	}
	var all int64
	for _, b := range r.bundle.Manifest.Blobs {
		all += b.Size
	}
	r.lacking = map[string]int64{}
	var answer []site.Node
	for i, n := range r.site.Nodes {
		r.lacking[n.Name] = all
		if errs[i] == nil {
			answer = append(answer, n)
		}
	}
	if len(answer) == 0 {
		return nil
	}
	// That nodes are not whole is no news before the push.
	states, _ := importer.Check(r.c.Context, r.bundle, r.site, importer.CheckOptions{Client: r.client, Nodes: answer, Jobs: r.c.Int("jobs")})
	for _, s := range states {
		if s.Reachable {
			r.lacking[s.Node] = s.MissingBytes
		}
	}
	return r.c.Context.Err()
}

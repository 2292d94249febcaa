package cluster

import (
	"fmt"
	"strings"

	"github.com/docker/go-units"
)

// Shares of a disk in use, in percent. From 85 on the kubelet deletes images,
// which never frees a byte of the registry.
const (
	spaceWarning = 75
	spaceRefusal = 85
	// inodesWanted is the share that must be free; below it pods are evicted.
	inodesWanted = 5
)

// checkSpace judges each node's disk as it will be with NodeBytes, and what that
// node needs by itself, more.
func checkSpace(nodes []nodeSpace, o PrepareOptions) []Finding {
	var findings []Finding
	need := o.NodeBytes
	for _, n := range nodes {
		if n.err != nil {
			findings = append(findings, Finding{Object: "Node/" + n.node, Field: "stats/summary", Found: strings.TrimPrefix(n.err.Error(), "node "+n.node+": stats: "),
				Do: "look at its disk yourself: df on the node", Warning: true})
			continue
		}
		o.NodeBytes = need + extraOf(n.node, o.NodeExtra)
		findings = append(findings, checkDisk(n.node, "node.fs", n.stats.Root, o)...)
		if n.stats.Images.CapacityBytes > 0 && n.stats.Images.CapacityBytes != n.stats.Root.CapacityBytes {
			findings = append(findings, checkDisk(n.node, "node.runtime.imageFs", n.stats.Images, o)...)
		}
	}
	return findings
}

func checkDisk(node, field string, d Disk, o PrepareOptions) []Finding {
	f := Finding{Object: "Node/" + node, Field: field}
	if d.CapacityBytes <= 0 || d.UsedBytes < 0 {
		f.Found, f.Do, f.Warning = "its kubelet does not say how full the disk is", "look at its disk yourself: df on the node", true
		return []Finding{f}
	}
	var findings []Finding
	if percent := share(d.UsedBytes+o.NodeBytes, d.CapacityBytes); percent > spaceWarning {
		f.Found = fmt.Sprintf("%s of %s are in use; with %s more it is %d %%", size(d.UsedBytes), size(d.CapacityBytes), size(o.NodeBytes), percent)
		f.Do = fmt.Sprintf("free space in time: from %d %% on the node deletes images", spaceRefusal)
		f.Warning = true
		if percent > spaceRefusal && !o.ForceSpace {
			f.Do, f.Warning = "free space, or take a larger disk; --force-space goes on all the same", false
		}
		findings = append(findings, f)
	}
	if d.Inodes > 0 && d.InodesFree >= 0 && share(d.InodesFree, d.Inodes) < inodesWanted {
		findings = append(findings, Finding{Object: "Node/" + node, Field: field, Found: fmt.Sprintf("%d of %d inodes are free", d.InodesFree, d.Inodes),
			Do: "remove files from it", Warning: o.ForceSpace})
	}
	return findings
}

// extraOf is a node's own need; of one that has another name in the site, the
// largest that there is.
func extraOf(node string, extra map[string]int64) int64 {
	if n, ok := extra[node]; ok {
		return n
	}
	var most int64
	for _, n := range extra {
		most = max(most, n)
	}
	return most
}

// share is in percent, rounded up; in floats, because sizes come from outside.
func share(part, whole int64) int {
	p := float64(part) * 100 / float64(whole)
	if n := int(p); float64(n) == p {
		return n
	}
	return int(p) + 1
}

func size(n int64) string { return units.HumanSize(float64(n)) }

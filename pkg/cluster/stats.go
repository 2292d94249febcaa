package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxStats bounds a node's answer, in bytes; a node with 500 pods has some
// megabytes.
const maxStats = 32 << 20

// Disk is how full a file system of a node is. Negative is unknown: the kubelet
// may leave any number out.
type Disk struct {
	CapacityBytes  int64 `json:"capacityBytes"`
	UsedBytes      int64 `json:"usedBytes"`
	AvailableBytes int64 `json:"availableBytes"`
	Inodes         int64 `json:"inodes"`
	InodesFree     int64 `json:"inodesFree"`
}

// NodeStats is what a node's kubelet says of its disks. A file system that is
// mounted somewhere else on the node is not among them.
type NodeStats struct {
	Node   string `json:"node"`
	Root   Disk   `json:"root"`
	Images Disk   `json:"images"`
}

type summaryFS struct {
	CapacityBytes  *int64 `json:"capacityBytes"`
	UsedBytes      *int64 `json:"usedBytes"`
	AvailableBytes *int64 `json:"availableBytes"`
	Inodes         *int64 `json:"inodes"`
	InodesFree     *int64 `json:"inodesFree"`
}

type summary struct {
	Node struct {
		FS      summaryFS `json:"fs"`
		Runtime struct {
			ImageFS summaryFS `json:"imageFs"`
		} `json:"runtime"`
	} `json:"node"`
}

func (f summaryFS) disk() Disk {
	d := Disk{-1, -1, -1, -1, -1}
	for into, from := range map[*int64]*int64{&d.CapacityBytes: f.CapacityBytes, &d.UsedBytes: f.UsedBytes,
		&d.AvailableBytes: f.AvailableBytes, &d.Inodes: f.Inodes, &d.InodesFree: f.InodesFree} {
		if from != nil {
			*into = *from
		}
	}
	return d
}

// NodeStats asks a node's kubelet, through the API server, how full its disks
// are. It needs the right to get nodes/proxy. It asks once.
func (c *Cluster) NodeStats(ctx context.Context, node string) (*NodeStats, error) {
	address := strings.TrimSuffix(c.Info.URL, "/") + "/api/v1/nodes/" + url.PathEscape(node) + "/proxy/stats/summary"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("node %s: stats: %w", node, err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("node %s: stats: %w", node, err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxStats))
	if err != nil {
		return nil, fmt.Errorf("node %s: stats: %w", node, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("node %s: stats: %d %s", node, answer.StatusCode, statusMessage(raw))
	}
	return decodeStats(node, raw)
}

func decodeStats(node string, raw []byte) (*NodeStats, error) {
	var s summary
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("node %s: stats: %w", node, err)
	}
	return &NodeStats{Node: node, Root: s.Node.FS.disk(), Images: s.Node.Runtime.ImageFS.disk()}, nil
}

// statusMessage is what a Status says, or the beginning of another answer.
func statusMessage(raw []byte) string {
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &status) == nil && status.Message != "" {
		return status.Message
	}
	const enough = 200 // bytes
	return strings.Join(strings.Fields(string(raw[:min(enough, len(raw))])), " ")
}

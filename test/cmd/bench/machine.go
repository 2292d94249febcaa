package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine is what the figures are of.
type machine struct {
	cores    int
	memory   int64 // bytes
	kernel   string
	versions []string // tools and theirs
}

func thisMachine(tools []tool) machine {
	m := machine{cores: runtime.NumCPU()}
	for line := range strings.Lines(read("/proc/meminfo")) {
		if n, err := fmt.Sscanf(line, "MemTotal: %d kB", &m.memory); n == 1 && err == nil {
			m.memory <<= 10
		}
	}
	m.kernel = strings.TrimSpace(read("/proc/sys/kernel/osrelease"))
	seen := map[string]bool{}
	for _, t := range tools {
		if seen[t.program] {
			continue
		}
		seen[t.program] = true
		u, err := spawn(context.Background(), os.TempDir(), os.Environ(), t.version)
		line, _, _ := strings.Cut(strings.TrimSpace(u.out), "\n")
		if fields := strings.Fields(line); err == nil && len(fields) > 0 {
			m.versions = append(m.versions, t.name+" "+fields[len(fields)-1])
		}
	}
	return m
}

// loadNow is the load of the last minute, as the kernel counts it.
func loadNow() (load float64) {
	if _, err := fmt.Sscan(read("/proc/loadavg"), &load); err != nil {
		return -1
	}
	return load
}

// read returns a file of /proc, empty if it is not there.
func read(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(raw)
}

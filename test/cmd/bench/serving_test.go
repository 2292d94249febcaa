package main

import (
	"os/exec"
	"testing"
	"time"
)

func TestServingCountsRunningChildren(t *testing.T) {
	before := serving()
	busy := exec.Command("sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { busy.Process.Kill(); busy.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); serving() < before+5*tick; time.Sleep(tick) {
		if time.Now().After(deadline) {
			t.Fatalf("%s after 20 s of a busy child, %s before", serving(), before)
		}
	}
}

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sampling is how often a tool's folder is looked at while it runs.
const sampling = 250 * time.Millisecond

// onDisk are the bytes that the disk has for a folder or file, without those of
// one entry below it, while it is being made too. What vanishes meanwhile counts
// as nothing.
func onDisk(path, without string) (n int64) {
	_ = filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if without != "" && (at == without || at == without+".partial") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return n
}

// watch looks at a folder again and again until the returned function is called,
// which tells the most bytes that were seen.
func watch(path, without string) (most func() int64) {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(sampling)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, onDisk(path, without))
			case <-stop:
				done <- max(peak, onDisk(path, without))
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-done }
}

// forget makes the page cache forget a file.
func forget(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // what is not written yet cannot be forgotten
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/oci"
)

// volumeFlags are those of build; cmdline.VolumeDirFlag is for those who read.
func volumeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "volume-size", Usage: "split the bundle into FILE.001, FILE.002, ... of `SIZE` each: 700MB, 4.7GB, 4GiB"},
		&cli.StringSliceFlag{Name: "volume-dir", Usage: "put volumes into `DIR`, as far as it has room; may be given several times, then -o is a name"},
	}
}

// fatVolume is what 4 GiB becomes: FAT32 has no file of 4 GiB, and whoever asks
// for volumes of 4 GiB means it. Borders stay on whole pages.
const fatVolume = 4<<30 - 4<<10

// volumeOptions reads the flags.
func volumeOptions(c *cli.Context) (bundle.VolumeOptions, error) {
	o := bundle.VolumeOptions{Dirs: c.StringSlice("volume-dir")}
	text := c.String("volume-size")
	switch {
	case text == "" && len(o.Dirs) > 0:
		return o, cmdline.Usagef("--volume-dir: how large are the volumes? --volume-size 4GiB")
	case text == "":
		return o, nil
	}
	size, err := parseSize(text)
	if err != nil {
		return o, cmdline.Usagef("--volume-size %w", err)
	}
	if size < bundle.MinVolume || size > oci.MaxBundle {
		return o, cmdline.Usagef("--volume-size %s: want 1MiB at least, and 1024TiB at most", text)
	}
	if size == 4<<30 {
		size = fatVolume
	}
	o.Size = size
	return o, checkVolumeFolders(c.String("output"), o.Dirs)
}

// checkVolumeFolders finds out whether volumes can be written where they should go.
func checkVolumeFolders(out string, dirs []string) error {
	if len(dirs) > 0 && filepath.Base(out) != out {
		return cmdline.Usagef("-o %s: with --volume-dir it is a name without a folder: -o %s", out, filepath.Base(out))
	}
	if len(dirs) == 0 {
		dirs = []string{filepath.Dir(out)}
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil {
			return &cmdline.UsageError{Err: err}
		} else if !info.IsDir() {
			return cmdline.Usagef("%s: is no folder", dir)
		}
		path := filepath.Join(dir, filepath.Base(out))
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return cmdline.Usagef("%s: is there already, and would be read in place of volumes of that name", path)
		}
		if info, err := os.Lstat(path + ".sha256"); err == nil && !info.Mode().IsRegular() {
			return cmdline.Usagef("%s.sha256: is there and is no regular file", path)
		}
		if err := writable(dir); err != nil {
			return err
		}
	}
	return nil
}

var units = map[string]int64{
	"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// parseSize reads a number of bytes: 4GiB, 4.7GB, 700 MB, 1048576.
func parseSize(s string) (int64, error) {
	number := strings.TrimRight(strings.ToLower(s), "bikmgt ")
	unit, known := units[strings.TrimSpace(strings.ToLower(s)[len(number):])]
	n, ok := new(big.Rat).SetString(number)
	if !known || !ok || strings.Trim(number, "0123456789.") != "" {
		return 0, fmt.Errorf("%q: want a number and MB, GB, MiB or GiB, as in 4.7GB or 4GiB", s)
	}
	n.Mul(n, new(big.Rat).SetInt64(unit))
	bytes := new(big.Int).Quo(n.Num(), n.Denom())
	if !bytes.IsInt64() {
		return 0, fmt.Errorf("%q: is too large", s)
	}
	return bytes.Int64(), nil
}

// spoolDir is the folder for what is read before the bundle is begun.
func spoolDir(out string, o bundle.VolumeOptions) string {
	if len(o.Dirs) > 0 {
		return o.Dirs[0]
	}
	return filepath.Dir(out)
}

func printVolumes(c *cli.Context, w *bundle.Written) error {
	for _, v := range w.Volumes {
		if _, err := fmt.Fprintf(c.App.Writer, "%s: %s\n", v.Path, ui.Bytes(v.Bytes)); err != nil {
			return err
		}
	}
	return nil
}

package cmdline

import "github.com/urfave/cli/v2"

// VolumeDirFlag says where the volumes of a bundle are.
var VolumeDirFlag = &cli.StringSliceFlag{Name: "volume-dir", Usage: "look for the bundle's volumes in `DIR` too; may be given several times"}

// VolumeDirs reads the flag.
func VolumeDirs(c *cli.Context) []string { return c.StringSlice(VolumeDirFlag.Name) }

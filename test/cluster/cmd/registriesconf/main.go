// Command registriesconf prints the /etc/containers/registries.conf that the
// machine-config operator would put on every node for the objects in the files.
//
//	registriesconf FILE... > registries.conf
//
// See package registriesconf for which objects count.
package main

import (
	"errors"
	"fmt"
	"os"

	"drayage/test/cluster/registriesconf"
)

func main() {
	raw, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "registriesconf:", err)
		os.Exit(1)
	}
	os.Stdout.Write(raw)
}

func run(files []string) ([]byte, error) {
	var o registriesconf.Objects
	if len(files) == 0 {
		return nil, errors.New("wants files of objects")
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		if err := o.Add(f, raw); err != nil {
			return nil, err
		}
	}
	return registriesconf.Render(o)
}

package machineconfig

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/coreos/ignition/v2/config/v3_5/types"
)

// Fixed returns an error for each part that a running node cannot take over: the
// operator compares the old and the new configuration and gives the node up as
// degraded.
func Fixed(old, next types.Config) error {
	var errs []error
	for _, part := range []struct {
		name      string
		old, next any
	}{
		{"disks", old.Storage.Disks, next.Storage.Disks},
		{"filesystems", old.Storage.Filesystems, next.Storage.Filesystems},
		{"raid", old.Storage.Raid, next.Storage.Raid},
		{"directories", old.Storage.Directories, next.Storage.Directories},
		{"links", old.Storage.Links, next.Storage.Links},
		{"luks", old.Storage.Luks, next.Storage.Luks},
		{"kernelArguments", old.KernelArguments, next.KernelArguments},
	} {
		if !same(part.old, part.next) {
			errs = append(errs, fmt.Errorf("ignition %s section contains changes", part.name))
		}
	}
	for _, f := range next.Storage.Files {
		if len(f.Append) > 0 {
			errs = append(errs, fmt.Errorf("ignition file %s includes append", f.Path))
		}
	}
	for _, u := range next.Passwd.Users {
		if u.Name != "core" {
			errs = append(errs, fmt.Errorf("ignition passwd user section contains unsupported changes: user %s: non-core user", u.Name))
		}
	}
	return errors.Join(errs...)
}

// same takes an empty list for the same as none.
func same(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a, b)
}

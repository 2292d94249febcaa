// Program policy asks whether a policy.json lets an image run, as CRI-O does
// before it pulls, with the library that CRI-O and skopeo have:
//
//	policy -policy policy.json -registries-d DIR -registries-conf FILE docker://quay.io/a/b@sha256:...
//
// It prints "accepted" and exits with 0, or the reason and exits with 1. It is a
// foreign reader for tests: some distributions build their skopeo without
// sigstore. It is a module of its own, so that the tests' own has none of its
// modules. Build it with -tags containers_image_openpgp, which keeps a C library
// out that sigstore does not need.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("accepted")
}

func run() error {
	sys := &types.SystemContext{}
	policyFile := flag.String("policy", "", "the policy.json")
	flag.StringVar(&sys.RegistriesDirPath, "registries-d", "", "a registries.d")
	flag.StringVar(&sys.SystemRegistriesConfPath, "registries-conf", "", "a registries.conf")
	flag.Parse()
	sys.SystemRegistriesConfDirPath = sys.SystemRegistriesConfPath + ".d" // there is none
	policy, err := signature.NewPolicyFromFile(*policyFile)
	if err != nil {
		return err
	}
	pc, err := signature.NewPolicyContext(policy)
	if err != nil {
		return err
	}
	defer pc.Destroy() //nolint:errcheck // the program ends
	ref, err := docker.ParseReference(strings.TrimPrefix(flag.Arg(0), "docker:"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return err
	}
	defer src.Close()
	_, err = pc.IsRunningImageAllowed(ctx, image.UnparsedInstance(src, nil))
	return err
}

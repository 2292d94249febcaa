package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// tool is a program that brings images into files and to nodes. Its scripts run
// in a folder of its own, below the world's, with
//
//	SRC, NODES   host and port of the source; of the nodes, with spaces between
//	../images    a line for each image: number, name at the source, name at a
//	             node, digest
type tool struct {
	name    string
	program string // has to be on PATH
	version string // the script that prints it
	result  string // the file or folder that build makes
	setUp   string // before the first step, not measured
	steps   []step
	// keeps says that names, digests and indexes are on the nodes as at the source.
	keeps bool
	note  string
}

// Names of steps. Ours has all of them, peers have the first two.
const (
	stepBuild  = "build"
	stepPush   = "push"
	stepSummed = "build --checksum"
	stepVerify = "verify"
	stepAgain  = "again"
)

// step is one measured script.
type step struct {
	name   string
	before string // a script that runs just before and is not measured
	script string
}

// our is the name of what is measured against.
const our = "drayage"

// ours are the programs of this repository in a folder.
func ours(bin string) tool {
	return tool{
		name: our, program: bin + "/bundle", version: bin + "/bundle --version", result: "site.bundle.tar", keeps: true,
		note: "one file; proven; one command for all nodes",
		steps: []step{
			{name: stepBuild, script: buildOurs(bin, "../registries.conf")},
			{name: stepSummed, before: "rm site.bundle.tar", script: buildOurs(bin, "../registries.conf") + " --checksum"},
			{name: stepVerify, script: bin + "/bundle verify site.bundle.tar"},
			{name: stepPush, script: pushOurs(bin, "../site.yaml")},
			{name: stepAgain, script: pushOurs(bin, "../site.yaml")},
		},
	}
}

func buildOurs(bin, conf string) string {
	return fmt.Sprintf("%s/bundle build -c ../imageset.yaml --registries-conf %s --registry-image %s -o site.bundle.tar", bin, conf, reference(images))
}

func pushOurs(bin, site string) string {
	return fmt.Sprintf("%s/import push --site %s --json site.bundle.tar", bin, site)
}

// each runs a command for every image: $n, $from, $to and $digest tell which.
func each(command string) string {
	return "while read n from to digest; do " + command + " </dev/null; done < ../images\n"
}

// nodeByNode does it for one node after the other.
func nodeByNode(script string) string { return "for node in $NODES; do\n" + script + "done\n" }

// allNodes does it for all nodes at once.
func allNodes(script string) string {
	return "pids=\nfor node in $NODES; do\n(" + script + ") & pids=\"$pids $!\"\ndone\nfor p in $pids; do wait $p; done\n"
}

const (
	skopeoPull = `skopeo --insecure-policy copy -q --all --src-tls-verify=false docker://$SRC/$from dir:out/$n`
	skopeoPush = `skopeo --insecure-policy copy -q --all --dest-tls-verify=false dir:out/$n docker://$node/$to`
	regctlPush = `regctl image copy ocidir://out:i$n $node/$to`
)

// peers are the other tools. Each gets the form that serves it best.
func peers() []tool {
	return []tool{
		{
			name: "imgpkg", program: "imgpkg", version: "imgpkg version", result: "out.tar",
			note: "one file; all images in one repository, names lost",
			setUp: `{ echo "apiVersion: imgpkg.carvel.dev/v1alpha1"; echo "kind: ImagesLock"; echo "images:"
				while read n from to digest; do echo "- image: $SRC/${from%:*}@$digest"; done < ../images; } > images.lock`,
			steps: []step{
				{name: stepBuild, script: "imgpkg copy --lock images.lock --to-tar out.tar"},
				{name: stepPush, script: nodeByNode("imgpkg copy --tar out.tar --to-repo $node/bench/all\n")},
			},
		},
		{
			name: "crane", program: "crane", version: "crane version", result: "out", keeps: true,
			note: "build: one layout for all; push: from a layout for each image, made before, because it cannot push the one",
			steps: []step{
				{name: stepBuild, script: `crane pull --insecure --format=oci $(while read n from to digest; do echo $SRC/$from; done < ../images) out`},
				{
					name: stepPush, before: each(`crane pull --insecure --format=oci $SRC/$from each/$n`),
					script: nodeByNode(each(`crane push --insecure each/$n $node/$to`)),
				},
			},
		},
		{
			name: "skopeo", program: "skopeo", version: "skopeo --version", result: "out", keeps: true,
			note: "a folder for each image; one node after the other",
			steps: []step{
				{name: stepBuild, script: "mkdir out; " + each(skopeoPull)},
				{name: stepPush, script: nodeByNode(each(skopeoPush))},
			},
		},
		{
			name: "skopeo-3", program: "skopeo", version: "skopeo --version", result: "out", keeps: true,
			note: "the same by a shell script that fills three nodes at once",
			steps: []step{
				{name: stepBuild, script: "mkdir out; " + each(skopeoPull)},
				{name: stepPush, script: allNodes(each(skopeoPush))},
			},
		},
		{
			name: "regctl", program: "regctl", version: "regctl version --format {{.VCSTag}}", result: "out", keeps: true,
			note:  "one layout; one node after the other",
			setUp: "for r in $SRC $NODES; do regctl registry set --skip-check --tls disabled $r; done",
			steps: []step{
				{name: stepBuild, script: each(`regctl image copy $SRC/$from ocidir://out:i$n`)},
				{name: stepPush, script: nodeByNode(each(regctlPush))},
			},
		},
		{
			name: "oras", program: "oras", version: "oras version", result: "out", keeps: true,
			note: "one layout; one node after the other",
			steps: []step{
				{name: stepBuild, script: each(`oras cp --no-tty --from-plain-http $SRC/$from --to-oci-layout out:i$n`)},
				{name: stepPush, script: nodeByNode(each(`oras cp --no-tty --from-oci-layout out:i$n --to-plain-http $node/$to`))},
			},
		},
		hauler(),
		ocMirror(),
	}
}

func peerNames() []string {
	var all []string
	for _, t := range peers() {
		all = append(all, t.name)
	}
	return all
}

// pick returns ours and those of the named peers that are on PATH, and says in a
// line for each other what is missing.
func pick(bin, names string) (tools []tool, absent []string, err error) {
	tools = []tool{ours(bin)}
	wanted := strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
	for _, n := range wanted {
		if !slices.Contains(peerNames(), n) {
			return nil, nil, fmt.Errorf("-peers %s: no such tool; there are %s", n, strings.Join(peerNames(), ", "))
		}
	}
	for _, t := range peers() {
		if !slices.Contains(wanted, t.name) {
			continue
		}
		if _, err := exec.LookPath(t.program); err != nil {
			absent = append(absent, t.name+": not on PATH, left out")
			continue
		}
		tools = append(tools, t)
	}
	return tools, absent, nil
}

package main

// These two bring whole sets, from a list of their own: to a file first, and on
// site from a copy that they unpack.

// hauler writes a manifest, and gives each image its name at a node there:
// else the host would stay in front of it, as the source has it.
func hauler() tool {
	return tool{
		name: "hauler", program: "hauler", version: "hauler version --json | sed -n 's/.*\"gitVersion\": *\"\\(.*\\)\".*/\\1/p'",
		result: "haul.tar.zst", keeps: true,
		note: "one file, of a store that is made before; on site unpacked into a store, and by a shell script from there to three nodes at once",
		setUp: `{ echo "apiVersion: content.hauler.cattle.io/v1"; echo "kind: Images"; echo "metadata: {name: bench}"; echo "spec:"; echo "  images:"
			while read n from to digest; do echo "  - {name: $SRC/$from, rewrite: $to}"; done < ../images; } > manifest.yaml`,
		steps: []step{
			{name: stepBuild, script: `hauler store sync --no-progress --exclude-extras -s store -f manifest.yaml
				hauler store save -s store -f haul.tar.zst`},
			{
				name: stepPush, before: "rm -r store", // a site does not have it
				script: "hauler store load -s site -f haul.tar.zst\n" +
					allNodes("hauler store copy -s site --plain-http registry://$node\n"),
			},
		},
	}
}

const (
	ocMirrorSet = `{ echo "apiVersion: mirror.openshift.io/v2alpha1"; echo "kind: ImageSetConfiguration"; echo "mirror:"; echo "  additionalImages:"
		while read n from to digest; do echo "  - name: $from"; done < ../images; } > imageset.yaml`
	ocMirrorBuild = `CONTAINERS_REGISTRIES_CONF=$PWD/../registries.conf oc-mirror --v2 -c imageset.yaml --image-timeout 1h \
		--remove-signatures --src-tls-verify=false -p 15000 --cache-dir cache file://$PWD/out`
	// ocMirrorSites makes folders that the file seems to lie in, one for each node:
	// what oc-mirror unpacks lies beside it.
	ocMirrorSites = `for node in $NODES; do mkdir site-$node; ln -s ../out/mirror_000001.tar site-$node/; done
	`
	// ocMirrorPush serves the cache at a port of its own, one for each run: 15001
	// and on are below those that the kernel gives out.
	ocMirrorPush = `
		until mkdir port-$port 2>/dev/null; do port=$((port+1)); done
		oc-mirror --v2 -c imageset.yaml --image-timeout 1h --remove-signatures --dest-tls-verify=false \
			-p $port --cache-dir site-$node/cache --from file://$PWD/site-$node docker://$node
	`
)

// ocMirror is oc-mirror v2: to disk, and from there to each node.
func ocMirror() tool {
	return tool{
		name: "oc-mirror", program: "oc-mirror", version: "oc-mirror version --short",
		result: "out/mirror_000001.tar", keeps: true,
		note:  "one file, of a cache that is made before; on site a shell script fills three nodes at once, from a cache for each that the file is unpacked into",
		setUp: ocMirrorSet,
		steps: []step{
			{name: stepBuild, script: ocMirrorBuild},
			{
				name: stepPush, before: "rm -r cache out/working-dir", // a site does not have them
				script: ocMirrorSites + "port=15001\n" + allNodes(ocMirrorPush),
			},
		},
	}
}

package node

import (
	"fmt"
	"strings"

	"drayage/pkg/site"
)

// Container is the registry's name on a node.
const Container = "drayage-registry"

// unit is the systemd unit. What the site and the bundle put into it has been
// checked to need no quoting.
//
// Type=notify says that the container runs; ExecStartPost waits until the
// registry in it answers. "podman rm" has no -t before podman 4, which came with
// OpenShift 4.11.
const unit = `[Unit]
Description=Registry of this node, for the cluster's images
Documentation=https://distribution.github.io/distribution/
Wants=crio-wipe.service
After=crio-wipe.service
Before=crio.service kubelet.service
RequiresMountsFor=@STORAGE@ /var/lib/containers
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
Environment=PODMAN_SYSTEMD_UNIT=%n
ExecStartPre=/usr/bin/mkdir -p @STORAGE@
ExecStartPre=@SCRIPT@ load
ExecStartPre=/usr/bin/rm -f %t/%n.ctr-id
ExecStart=/usr/bin/podman run --cidfile=%t/%n.ctr-id --cgroups=no-conmon --rm --replace --sdnotify=conmon -d --pull=never --net=host --name=@CONTAINER@ --log-driver=journald --security-opt=label=disable --memory=@MEMORY@m -e GOMEMLIMIT=@SOFT@MiB -e OTEL_TRACES_EXPORTER=none -v @STORAGE@:/var/lib/registry -v @FOLDER@:@CONFIG@:ro @IMAGE@ serve @CONFIG@/config.yml
ExecStartPost=@SCRIPT@ ready
ExecStop=/usr/bin/podman stop --ignore -t 10 --cidfile=%t/%n.ctr-id
ExecStopPost=/usr/bin/podman rm -f --ignore --cidfile=%t/%n.ctr-id
Restart=always
RestartSec=10
TimeoutStartSec=600
TimeoutStopSec=70

[Install]
WantedBy=multi-user.target
`

// UnitText is the content of the unit.
func UnitText(in Input) (string, error) {
	_, image, err := in.reference()
	if err != nil {
		return "", err
	}
	memory := site.MemoryMiB(in.Site.Registry.Memory)
	return strings.NewReplacer(
		"@STORAGE@", in.Site.Registry.Storage,
		"@SCRIPT@", Script,
		"@CONTAINER@", Container,
		"@FOLDER@", Folder,
		"@CONFIG@", in.configFolder(),
		"@IMAGE@", image,
		"@MEMORY@", fmt.Sprint(memory),
		"@SOFT@", fmt.Sprint(memory*3/4), // where Go begins to save, before the kernel ends it
	).Replace(unit), nil
}

// script is what the unit runs before and after the registry starts. The image is
// looked for in the folders that import registry-image leaves, however far it
// came, then wherever the cluster's images come from: a node that was replaced
// gets it from its neighbours.
const script = `#!/bin/bash
# What drayage-registry.service does before and after it starts the registry.
set -euo pipefail
image=@IMAGE@
name=@REPOSITORY@:drayage
storage=@STORAGE@
url=@URL@

load() {
	podman image exists "$image" && return
	for folder in "$storage/image" "$storage/image.new" "$storage/image.old"; do
		[ -e "$folder/index.json" ] || continue
		if id=$(podman pull --quiet "oci:$folder") && podman tag "$id" "$name" && podman image exists "$image"; then
			echo "$image: loaded from $folder"
			return
		fi
		echo "$folder: does not give $image" >&2
	done
	echo "$image: is not in $storage/image, asking other registries for it" >&2
	auth=()
	[ ! -e /var/lib/kubelet/config.json ] || auth=(--authfile /var/lib/kubelet/config.json)
	timeout 120 podman pull --quiet "${auth[@]}" "$image"
}

ready() {
	for _ in {1..60}; do
		case $(curl --silent --insecure --noproxy '*' --max-time 5 --output /dev/null --write-out '%{http_code}' "$url" || true) in
		200 | 401) return ;;
		esac
		sleep 1
	done
	echo "$url: the registry did not answer for a minute" >&2
	exit 1
}

case ${1-} in
load | ready) "$1" ;;
*) echo "usage: drayage-registry load|ready" >&2; exit 2 ;;
esac
`

func (in Input) script() ([]byte, error) {
	repository, image, err := in.reference()
	if err != nil {
		return nil, err
	}
	scheme := "http"
	if len(in.Certificate) > 0 {
		scheme = "https"
	}
	return []byte(strings.NewReplacer(
		"@IMAGE@", image,
		"@REPOSITORY@", repository,
		"@STORAGE@", in.Site.Registry.Storage,
		"@URL@", fmt.Sprintf("%s://127.0.0.1:%d/v2/", scheme, in.Site.Registry.Port),
	).Replace(script)), nil
}

// receiver has no quotes of the kind that a shell ends a script by. index.json is
// the tar's last entry: a stream that was cut has none, and changes nothing.
const receiver = `set -e; umask 022; mkdir -p @STORAGE@; cd @STORAGE@; rm -rf image.new; mkdir image.new; ` +
	`tar -x --no-same-owner -C image.new; test -s image.new/index.json; sync; ` +
	`rm -rf image.old; if test -e image; then mv image image.old; fi; mv image.new image; sync`

// Receiver is the shell script that takes the registry's image in on a node, as
// root, from standard input. The image that was there stays beside it.
func Receiver(s *site.Site) string {
	return strings.ReplaceAll(receiver, "@STORAGE@", s.Registry.Storage)
}

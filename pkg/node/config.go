package node

import (
	"fmt"
	"strings"
)

// config is distribution's configuration. There is no cache of blobs: whoever
// asks whether a blob is there shall hear what the disk says. The check of the
// storage makes a registry whose disk is gone answer 503, so that nodes turn to
// the next one.
func (in Input) config() []byte {
	r := in.Site.Registry
	var b strings.Builder
	b.WriteString("version: 0.1\nlog:\n  accesslog:\n    disabled: true\n  level: warn\n  fields:\n    service: registry\n")
	b.WriteString("storage:\n  filesystem:\n    rootdirectory: /var/lib/registry\n  delete:\n    enabled: false\n")
	if r.ReadOnly {
		b.WriteString("  maintenance:\n    uploadpurging:\n      enabled: false\n    readonly:\n      enabled: true\n")
	}
	fmt.Fprintf(&b, "http:\n  addr: 0.0.0.0:%d\n", r.Port)
	if len(in.Certificate) > 0 {
		fmt.Fprintf(&b, "  tls:\n    certificate: %[1]s/tls.crt\n    key: %[1]s/tls.key\n", in.configFolder())
	}
	if len(in.HTPasswd) > 0 {
		fmt.Fprintf(&b, "auth:\n  htpasswd:\n    realm: registry\n    path: %s/htpasswd\n", in.configFolder())
	}
	b.WriteString("health:\n  storagedriver:\n    enabled: true\n    interval: 10s\n    threshold: 3\n")
	if in.configFolder() == "/etc/distribution" {
		// Of an index for all platforms a bundle may carry one platform alone.
		b.WriteString("validation:\n  manifests:\n    indexes:\n      platforms: none\n")
	}
	return []byte(b.String())
}

package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
)

// graphURL is the update service of Red Hat.
const graphURL = "https://api.openshift.com/api/upgrades_info/v1/graph"

// DefaultGraphURL is the address of the update service: what a flag says, or
// else UPDATE_URL_OVERRIDE in the environment, as for oc-mirror, or else Red
// Hat's at api.openshift.com.
func DefaultGraphURL(flag string) string {
	return cmp.Or(flag, os.Getenv("UPDATE_URL_OVERRIDE"), graphURL)
}

// Get fetches a document of at most so many bytes.
type Get func(ctx context.Context, url, accept string, most int64) ([]byte, error)

// FetchGraph asks the update service at base for the graph of a channel, for an
// architecture as GraphArch takes it. It sends nothing but the channel and the
// architecture. A channel that the service does not know may be a graph without
// releases.
func FetchGraph(ctx context.Context, get Get, base, channel, arch string) (*Graph, error) {
	if !channelName.MatchString(channel) {
		return nil, fmt.Errorf("channel %.64q: want a name like stable-4.12", channel)
	}
	goarch, ok := GraphArch(arch)
	if !ok {
		return nil, fmt.Errorf("graph %s: architecture %.64q: want amd64, arm64, ppc64le, s390x or multi", channel, arch)
	}
	address, err := graphAddress(base, channel, goarch)
	if err != nil {
		return nil, err
	}
	raw, err := get(ctx, address, "application/json", maxGraph)
	if err != nil {
		return nil, fmt.Errorf("graph %s %s: %w", channel, goarch, err)
	}
	g, err := ParseGraph(raw)
	if err != nil {
		return nil, fmt.Errorf("graph %s %s: %w", channel, goarch, err)
	}
	return g, nil
}

// graphAddress adds channel and architecture to the service's address.
func graphAddress(base, channel, arch string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		// The error quotes the address, which may hold a password.
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return "", fmt.Errorf("address of the update service: %w", err)
	}
	if u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", errors.New("address of the update service: want one that begins with https://host")
	}
	query := u.Query()
	query.Set("channel", channel)
	query.Set("arch", arch)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

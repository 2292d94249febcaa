package site

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// hostErrors says what is wrong with a host or host:port. The host is an IPv4
// address or a DNS name in lower case.
func hostErrors(s string) []error {
	host, port, hasPort := strings.Cut(s, ":")
	switch {
	case strings.Contains(s, "/"):
		return []error{fmt.Errorf("%.64q: want host or host:port, without a scheme or a path", s)}
	case strings.Contains(s, "[") || isIPv6(s):
		return []error{fmt.Errorf("%.64q: the cluster's mirror rules take no IPv6 literal", s)}
	case strings.Contains(port, ":"):
		return []error{fmt.Errorf("%.64q: want host or host:port", s)}
	}
	var errs []error
	if hasPort && !isPort(port) {
		errs = append(errs, fmt.Errorf("%.64q: the port is not one of 1 to 65535", s))
	}
	if !isIPv4(host) && !isHostName(host) {
		errs = append(errs, fmt.Errorf("%.64q: the host is neither an IPv4 address nor a DNS name in lower case", s))
	}
	return errs
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}

// dnsName is labels with dots between them, in lower case.
var dnsName = regexp.MustCompile(`^` + dnsLabel + `(\.` + dnsLabel + `)*$`)

const dnsLabel = `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`

func isDNSName(s string) bool {
	const longest = 253 // bytes
	return len(s) <= longest && dnsName.MatchString(s)
}

// isHostName refuses a DNS name whose last label is a number: it is a mistyped
// IPv4 address, and resolvers take it for one.
func isHostName(s string) bool {
	last := s[strings.LastIndex(s, ".")+1:]
	return isDNSName(s) && strings.Trim(last, "0123456789") != ""
}

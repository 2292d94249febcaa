package icsp

import "regexp"

// The cluster's own patterns: the API server checks an ImageDigestMirrorSet by
// them, the Machine Config Operator an ImageContentSourcePolicy. There is no
// room in them for a tag, a digest, a scheme, an upper-case path or an IPv6
// address.
const (
	labelPattern  = `(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])`
	mirrorPattern = `^(` + labelPattern + `(?:(?:\.` + labelPattern + `)+)?(?::[0-9]+)?)` +
		`(?:(?:/[a-z0-9]+(?:(?:(?:[._]|__|[-]*)[a-z0-9]+)+)?)+)?$`
	sourcePattern = `^\*(?:\.` + labelPattern + `)+$|` + mirrorPattern
)

var (
	mirrorRegexp = regexp.MustCompile(mirrorPattern)
	sourceRegexp = regexp.MustCompile(sourcePattern)
)

package imageset

import (
	"fmt"
	"strings"
	"testing"
)

const (
	platform  = head + "  platform:\n    channels:\n"                                                 // an item follows in line 6
	operators = head + "  operators:\n  - catalog: example.com/index:v1\n    packages:\n"             // in line 7
	catalogs  = head + "  operators:\n  - {full: true, catalog: 'example.com/index:v1', targetTag: v" // in line 5
	images    = head + "  additionalImages:\n"                                                        // in line 5
	blocked   = head + image + "  blockedImages:\n"                                                   // in line 6
)

// badOnceAccepted holds, for each image set that is bad when all that can be
// accepted is, all that there is to say about it.
var badOnceAccepted = map[string]struct{ text, want string }{
	"architecture twice": {head + image + "  platform:\n    architectures:\n    - arm64\n    - amd64\n    - arm64\n",
		`x.yaml:9: mirror.platform.architectures[2]: "arm64", the same as architectures[0]`},
	"architecture by another name among several": {head + image + "  platform: {architectures: [amd64, aarch64]}\n",
		`x.yaml:5: mirror.platform.architectures[1]: "aarch64" is called arm64 here`},
	"platforms without multi": {head + "  platform:\n    channels: [{name: a}]\n    platforms: [{os: linux, architecture: amd64}]\n",
		"x.yaml:6: mirror.platform.platforms: chooses among the images of a multi-architecture release: want architectures: [multi], or no platforms"},
	"platforms of another architecture": {head + "  platform:\n    release: example.com/ocp:4.12.0-x86_64\n    architectures: [amd64]\n    platforms: [{os: linux, architecture: amd64}]\n",
		"x.yaml:7: mirror.platform.platforms: chooses among the images of a multi-architecture release: want architectures: [multi], or no platforms"},
	"platforms that are none": {images + "  - name: a:1\n    platforms:\n    - {os: linux}\n    - {os: Linux, architecture: x86_64}\n    - {os: unknown, architecture: unknown}\n    - {os: linux, architecture: arm/v7}\n    - {os: linux, architecture: multi}\n    - {os: linux, architecture: arm}\n    - {os: linux, architecture: arm}\n    - linux/amd64\n",
		`x.yaml:7: mirror.additionalImages[0].platforms[0].architecture: missing` +
			"\n" + `x.yaml:8: mirror.additionalImages[0].platforms[1].os: "Linux" is no system like linux` +
			"\n" + `x.yaml:8: mirror.additionalImages[0].platforms[1].architecture: "x86_64" is called amd64 here` +
			"\n" + `x.yaml:9: mirror.additionalImages[0].platforms[2].os: "unknown" is no system like linux` +
			"\n" + `x.yaml:9: mirror.additionalImages[0].platforms[2].architecture: "unknown" is no architecture like amd64` +
			"\n" + `x.yaml:10: mirror.additionalImages[0].platforms[3].architecture: "arm/v7" is no architecture like amd64` +
			"\n" + `x.yaml:11: mirror.additionalImages[0].platforms[4].architecture: "multi" is no architecture like amd64` +
			"\n" + `x.yaml:13: mirror.additionalImages[0].platforms[6]: linux/arm, the same as platforms[5]` +
			"\n" + `x.yaml:14: mirror.additionalImages[0].platforms[7]: want a mapping, found "linux/amd64"`},
	"platforms of a catalog": {catalogs + "1, platforms: [{architecture: s390x}]}\n",
		"x.yaml:5: mirror.operators[0].platforms[0].os: missing"},
	"release for two architectures": {head + "  platform:\n    architectures: [amd64, arm64]\n    release: example.com/ocp:4.12.0-x86_64\n",
		"x.yaml:6: mirror.platform.release: is one image, but architectures asks for 2: want one architecture, or channels"},
	"only blocked images": {head + "  blockedImages: [{name: a}]\n",
		"x.yaml:3: mirror: asks for nothing: want a platform.release, platform.channels, platform.graph, operators or additionalImages"},

	"channel twice": {platform + "    - {name: stable-4.12}\n    - {name: stable-4.14}\n    - {name: stable-4.12, minVersion: 4.12.3}\n",
		`x.yaml:8: mirror.platform.channels[2].name: "stable-4.12", the same as channels[0]`},
	"channel that is no name": {platform + "    - name: stable/4.12?\n    - name:\n",
		`x.yaml:6: mirror.platform.channels[0].name: "stable/4.12?" is no channel name like stable-4.12` +
			"\nx.yaml:7: mirror.platform.channels[1].name: missing"},
	"type that nobody knows": {platform + "    - {name: a, type: OCP}\n",
		`x.yaml:6: mirror.platform.channels[0].type: "OCP", want ocp`},
	"range that is upside down": {platform + "    - name: a\n      minVersion: 4.12.10\n      maxVersion: 4.12.9\n",
		"x.yaml:8: mirror.platform.channels[0].maxVersion: 4.12.9 is below minVersion 4.12.10"},
	"range from a release to its candidate": {platform + "    - name: a\n      minVersion: 4.12.0\n      maxVersion: 4.12.0-rc.8\n",
		"x.yaml:8: mirror.platform.channels[0].maxVersion: 4.12.0-rc.8 is below minVersion 4.12.0"},
	"versions that are no full ones": {platform + "    - name: a\n      minVersion: '4.12'\n      maxVersion: 4.14.0-01\n    - {name: b, minVersion: 4.12.x, maxVersion: 4.12.0+1}\n",
		`x.yaml:7: mirror.platform.channels[0].minVersion: "4.12" is no full version like 4.12.0` +
			"\n" + `x.yaml:8: mirror.platform.channels[0].maxVersion: "4.14.0-01" is no full version like 4.12.0` +
			"\n" + `x.yaml:9: mirror.platform.channels[1].minVersion: "4.12.x" is no full version like 4.12.0` +
			"\n" + `x.yaml:9: mirror.platform.channels[1].maxVersion: "4.12.0+1" is no full version like 4.12.0`},
	"full with shortestPath": {platform + "    - name: a\n      shortestPath: true\n      full: true\n",
		"x.yaml:7: mirror.platform.channels[0].shortestPath: full is given too, want one of the two"},
	"full with a range": {platform + "    - name: a\n      minVersion: 4.12.0\n      maxVersion: 4.12.9\n      full: true\n",
		"x.yaml:7: mirror.platform.channels[0].minVersion: full: true asks for every version of the channel, want one of the two" +
			"\nx.yaml:8: mirror.platform.channels[0].maxVersion: full: true asks for every version of the channel, want one of the two"},

	"two ranges": {operators + "    - name: a\n      minVersion: 1.0.0\n      channels:\n      - {name: x, minVersion: 1.1.0}\n      - {name: y}\n      - {name: z, maxVersion: '2'}\n",
		"x.yaml:10: mirror.operators[0].packages[0].channels[0].minVersion: the package has a minVersion or maxVersion too, want them in one place" +
			"\nx.yaml:12: mirror.operators[0].packages[0].channels[2].maxVersion: the package has a minVersion or maxVersion too, want them in one place"},
	"full with ranges": {head + "  operators:\n  - catalog: example.com/index:v1\n    full: true\n    packages:\n    - {name: a, minVersion: 1.0.0}\n    - {name: b, channels: [{name: x, maxVersion: '2'}]}\n    - {name: c, channels: [{name: x}]}\n",
		"x.yaml:8: mirror.operators[0].packages[0].minVersion: the catalog's full: true keeps every version, want one of the two" +
			"\nx.yaml:9: mirror.operators[0].packages[1].channels[0].maxVersion: the catalog's full: true keeps every version, want one of the two"},
	"ranges that are upside down": {operators + "    - {name: a, minVersion: '4.18', maxVersion: 4.17.9}\n    - {name: b, channels: [{name: x, minVersion: 4.17.0-202412170235, maxVersion: 4.17.0-202411010101}]}\n",
		"x.yaml:7: mirror.operators[0].packages[0].maxVersion: 4.17.9 is below minVersion 4.18" +
			"\nx.yaml:8: mirror.operators[0].packages[1].channels[0].maxVersion: 4.17.0-202411010101 is below minVersion 4.17.0-202412170235"},
	"versions that are none": {operators + "    - {name: a, minVersion: v1.2.3, maxVersion: 4.17-1}\n    - {name: b, minVersion: '>=1', maxVersion: 1.2.3.4}\n",
		`x.yaml:7: mirror.operators[0].packages[0].minVersion: "v1.2.3" is no version like 4.17, 4.17.0 or 4.17.0-202412170235` +
			"\n" + `x.yaml:7: mirror.operators[0].packages[0].maxVersion: "4.17-1" is no version like 4.17, 4.17.0 or 4.17.0-202412170235` +
			"\n" + `x.yaml:8: mirror.operators[0].packages[1].minVersion: ">=1" is no version like 4.17, 4.17.0 or 4.17.0-202412170235` +
			"\n" + `x.yaml:8: mirror.operators[0].packages[1].maxVersion: "1.2.3.4" is no version like 4.17, 4.17.0 or 4.17.0-202412170235`},
	"package's channels": {operators + "    - name: a\n      channels:\n      - name: stable\n      - name: the beta\n      - minVersion: 1.0.0\n      - name: stable\n",
		`x.yaml:10: mirror.operators[0].packages[0].channels[1].name: "the beta" is no channel name: at most 253 characters, no spaces` +
			"\nx.yaml:11: mirror.operators[0].packages[0].channels[2].name: missing" +
			"\n" + `x.yaml:12: mirror.operators[0].packages[0].channels[3].name: "stable", the same as channels[0]`},
	"default channel that is not kept": {operators + "    - name: a\n      defaultChannel: beta\n      channels: [{name: stable}]\n    - {name: b, defaultChannel: ' '}\n",
		`x.yaml:8: mirror.operators[0].packages[0].defaultChannel: "beta" is none of the package's channels here` +
			"\n" + `x.yaml:10: mirror.operators[0].packages[1].defaultChannel: " " is no channel name: at most 253 characters, no spaces`},

	"target with a host and a tag": {catalogs + "1, targetCatalog: 'localhost:5000/a'}\n",
		`x.yaml:5: mirror.operators[0].targetCatalog: "localhost:5000/a" is no repository without a host: want a-z, 0-9, inner dots, dashes and underscores, and slashes between such parts`},
	"target tag that is none": {catalogs + ":1, targetCatalog: a}\n",
		`x.yaml:5: mirror.operators[0].targetTag: "v:1" is no tag: want letters, digits, dots, dashes and underscores, at most 128`},
	"two catalogs in one place": {catalogs + "1, targetCatalog: a/b}\n  - {full: true, catalog: 'example.com/other:v1', targetCatalog: a/b}\n",
		"x.yaml:6: mirror.operators[1].targetCatalog: a/b:v1 is given twice, first in line 5"},
	"one catalog for two places": {catalogs + "1}\n  - {full: true, catalog: 'example.com/index:v1', targetTag: v2}\n",
		"x.yaml:6: mirror.operators[1].catalog: example.com/index:v1 is given twice, first in line 5"},

	"target repositories": {images + "  - {name: 'a:1', targetRepo: A/b}\n  - {name: 'b:1', targetRepo: a//b}\n  - {name: 'c:1', targetRepo: " + strings.Repeat("a", 256) + "}\n",
		`x.yaml:5: mirror.additionalImages[0].targetRepo: "A/b" is no repository without a host: want a-z, 0-9, inner dots, dashes and underscores, and slashes between such parts` +
			"\n" + `x.yaml:6: mirror.additionalImages[1].targetRepo: "a//b" is no repository without a host: want a-z, 0-9, inner dots, dashes and underscores, and slashes between such parts` +
			"\n" + `x.yaml:7: mirror.additionalImages[2].targetRepo: "` + strings.Repeat("a", 64) + `" is no repository without a host: want a-z, 0-9, inner dots, dashes and underscores, and slashes between such parts`},
	"two images in one place": {images + "  - {name: 'a:1', targetRepo: x}\n  - {name: 'b:2', targetRepo: x, targetTag: '1'}\n",
		"x.yaml:6: mirror.additionalImages[1].targetRepo: x:1 is given twice, first in line 5"},
	"bad image with a target": {images + "  - {name: a, targetRepo: x, targetTag: ''}\n",
		`x.yaml:5: mirror.additionalImages[0].name: "a": has neither a tag nor a digest`},

	"blocked images": {blocked + "  - name: a[\n  - name: .*\n  - name: docker://a/b\n  - name:\n  - name: quay.io/a\n  - name: quay.io/a\n  - name: " + strings.Repeat("a", 1025) + "\n",
		`x.yaml:6: mirror.blockedImages[0].name: "a[" is no regular expression: missing closing ]: ` + "`[`" +
			"\n" + `x.yaml:7: mirror.blockedImages[1].name: ".*" is found in every name, and blocks all images` +
			"\nx.yaml:8: mirror.blockedImages[2].name: docker:// is no part of a reference here: leave it out" +
			"\nx.yaml:9: mirror.blockedImages[3].name: missing" +
			"\n" + `x.yaml:11: mirror.blockedImages[5].name: "quay.io/a", the same as blockedImages[4]` +
			"\nx.yaml:12: mirror.blockedImages[6].name: 1025 bytes, at most 1024 make a regular expression"},
}

func TestBadOnceAccepted(t *testing.T) {
	all := withoutAny()
	for name, c := range badOnceAccepted {
		t.Run(name, func(t *testing.T) {
			cfg, err := decode("x.yaml", []byte(c.text), all)
			if got := fmt.Sprint(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if cfg != nil {
				t.Errorf("there is a config beside the error: %+v", cfg)
			}
		})
	}
}

func TestGoodOnceAccepted(t *testing.T) {
	all := withoutAny()
	for name, text := range map[string]string{
		"an update over two minor versions": platform + "    - {name: eus-4.14, minVersion: 4.12.30, maxVersion: 4.14.20, shortestPath: true}\n",
		"from a version on":                 platform + "    - {name: stable-4.12, minVersion: 4.12.30}\n",
		"up to a version":                   platform + "    - {name: stable-4.12, maxVersion: 4.12.30}\n",
		"a range of one version":            platform + "    - {name: stable-4.12, minVersion: 4.12.0, maxVersion: 4.12.0, shortestPath: true}\n",
		"two architectures of a channel":    platform + "    - {name: stable-4.12, full: true}\n    architectures: [amd64, arm64]\n",
		"platforms of a multi release":      head + "  platform:\n    release: example.com/ocp:mine\n    platforms: [{os: linux, architecture: amd64}]\n",
		"platforms beside one architecture": platform + "    - {name: stable-4.12}\n    architectures: [amd64, multi]\n    platforms: [{os: linux, architecture: arm64}]\n",
		"a range with channels by name":     operators + "    - {name: a, minVersion: '4.17', channels: [{name: x}, {name: y}], defaultChannel: y}\n",
		"a range in each channel":           operators + "    - {name: a, channels: [{name: x, minVersion: '1'}, {name: y, minVersion: '2', maxVersion: 2.1.0}]}\n",
		"one minor version":                 operators + "    - {name: a, minVersion: '4.17', maxVersion: '4.17'}\n",
		"all of a channel":                  head + "  operators: [{catalog: 'a/b:v1', full: true, packages: [{name: a, channels: [{name: x}]}]}]\n",
		"a default channel of the catalog":  operators + "    - {name: a, defaultChannel: x}\n",
		"channels with odd names":           operators + "    - {name: a, channels: [{name: '4.x'}, {name: _b}, {name: 'c/d'}]}\n",
		"two catalogs in two tags":          catalogs + "1, targetCatalog: a/b}\n  - {full: true, catalog: 'example.com/index:v2', targetCatalog: a/b}\n",
		"two digests in one repository":     images + "  - {name: 'a@" + someDigest + "', targetRepo: x}\n  - {name: 'b@" + someDigest + "', targetRepo: x}\n",
		"an image that is blocked":          blocked + "  - {name: registry:2}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := decode("x.yaml", []byte(text), all); err != nil {
				t.Error(err)
			}
		})
	}
}

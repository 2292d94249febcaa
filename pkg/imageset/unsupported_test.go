package imageset

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
)

// switches has for each line of the table that can be taken out a text that is
// accepted then, and what it asks for.
var switches = []struct {
	line, text string
	want       Mirror
}{
	{okdChannel, "  platform: {channels: [{name: a, type: okd, " + oneVersionOnly + "}]}\n",
		channels(Channel{Name: "a", Type: "okd", MinVersion: "4.12.0", MaxVersion: "4.12.0"})},
}

// supported has a text for what once was in the table, and what it asks for.
var supported = []struct {
	what, text string
	want       Mirror
}{
	{"mirror.operators[].targetCatalog", "  operators: [{catalog: 'a/index:v1', full: true, targetCatalog: site/my-index}]\n",
		Mirror{Operators: []Operator{{Catalog: "a/index:v1", Full: true, TargetCatalog: "site/my-index"}}}},
	{"mirror.operators[].targetTag", "  operators: [{catalog: 'a/index:v1', full: true, targetTag: '4.12'}]\n",
		Mirror{Operators: []Operator{{Catalog: "a/index:v1", Full: true, TargetTag: "4.12"}}}},
	{"mirror.operators[].packages[].defaultChannel", "  operators: [{catalog: 'a/index:v1', packages: [{name: a, defaultChannel: stable}]}]\n",
		packages(Package{Name: "a", DefaultChannel: "stable"})},
	{"mirror.operators[].packages[].maxVersion", "  operators: [{catalog: 'a/index:v1', packages: [{name: a, maxVersion: 0.12.1+build.3}]}]\n",
		packages(Package{Name: "a", MaxVersion: "0.12.1+build.3"})},
	{"mirror.operators[].packages[].minVersion", "  operators: [{catalog: 'a/index:v1', packages: [{name: a, minVersion: 4.17.0-202412170235}]}]\n",
		packages(Package{Name: "a", MinVersion: "4.17.0-202412170235"})},
	{"mirror.operators[].packages[].channels", "  operators: [{catalog: 'a/index:v1', packages: [{name: a, channels: [{name: b, minVersion: '4.17', maxVersion: '4'}, {name: c}]}]}]\n",
		packages(Package{Name: "a", Channels: []PackageChannel{{Name: "b", MinVersion: "4.17", MaxVersion: "4"}, {Name: "c"}}})},
	{"mirror.additionalImages[].targetTag", "  additionalImages: [{name: 'registry:2', targetTag: v2}]\n",
		Mirror{AdditionalImages: []Image{{Name: "registry:2", TargetTag: "v2"}}}},
	{"mirror.additionalImages[].targetRepo", "  additionalImages: [{name: 'registry:2', targetRepo: a/b__c/d-e.f}]\n",
		Mirror{AdditionalImages: []Image{{Name: "registry:2", TargetRepo: "a/b__c/d-e.f"}}}},
	{"mirror.blockedImages", image + "  blockedImages: [{name: quay.io/a/b}, {name: '(aws|azure)'}]\n",
		Mirror{AdditionalImages: imageAlone, BlockedImages: []BlockedImage{{Name: "quay.io/a/b"}, {Name: "(aws|azure)"}}}},
	{"severalArchitectures", image + "  platform: {architectures: [arm64, multi]}\n",
		Mirror{AdditionalImages: imageAlone, Platform: Platform{Architectures: []string{"arm64", "multi"}}}},
	{"mirror.platform.platforms", image + "  platform: {architectures: [multi], platforms: [{os: linux, architecture: s390x}, {os: linux, architecture: amd64}]}\n",
		Mirror{AdditionalImages: imageAlone, Platform: Platform{Architectures: []string{"multi"}, Platforms: []ImagePlatform{{"linux", "s390x"}, {"linux", "amd64"}}}}},
	{"mirror.operators[].platforms", "  operators: [{catalog: 'a/index:v1', full: true, platforms: [{os: linux, architecture: arm64}]}]\n",
		Mirror{Operators: []Operator{{Catalog: "a/index:v1", Full: true, Platforms: []ImagePlatform{{"linux", "arm64"}}}}}},
	{"mirror.additionalImages[].platforms", "  additionalImages: [{name: 'registry:2', platforms: [{os: windows, architecture: amd64}]}]\n",
		Mirror{AdditionalImages: []Image{{Name: "registry:2", Platforms: []ImagePlatform{{"windows", "amd64"}}}}}},
	{"severalChannels", "  platform:\n    channels:\n    - {name: a, " + oneVersionOnly + "}\n    - {name: b, " + oneVersionOnly + "}\n",
		channels(Channel{Name: "a", MinVersion: "4.12.0", MaxVersion: "4.12.0"}, Channel{Name: "b", MinVersion: "4.12.0", MaxVersion: "4.12.0"})},
	{"openRange", "  platform: {channels: [{name: a}]}\n",
		channels(Channel{Name: "a"})},
	{"closedRange", "  platform: {channels: [{name: a, minVersion: 4.12.0-rc.1, maxVersion: 4.14.20}]}\n",
		channels(Channel{Name: "a", MinVersion: "4.12.0-rc.1", MaxVersion: "4.14.20"})},
	{"mirror.platform.channels[].shortestPath", "  platform: {channels: [{name: a, shortestPath: true, " + oneVersionOnly + "}]}\n",
		channels(Channel{Name: "a", MinVersion: "4.12.0", MaxVersion: "4.12.0", ShortestPath: true})},
	{"mirror.platform.graph", "  platform: {graph: true}\n",
		Mirror{Platform: Platform{Graph: true}}},
	{"mirror.platform.channels[].full", "  platform: {channels: [{name: a, full: true}]}\n",
		channels(Channel{Name: "a", Full: true})},
}

func TestSupportedFieldsAreTaken(t *testing.T) {
	for _, c := range supported {
		t.Run(c.what, func(t *testing.T) {
			got, err := Decode("x.yaml", []byte(head+c.text))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Mirror, c.want) {
				t.Errorf("got  %+v\nwant %+v", got.Mirror, c.want)
			}
		})
	}
}

var imageAlone = []Image{{Name: "registry:2"}}

func channels(list ...Channel) Mirror {
	return Mirror{Platform: Platform{Channels: list}}
}

func packages(list ...Package) Mirror {
	return Mirror{Operators: []Operator{{Catalog: "a/index:v1", Packages: list}}}
}

// withoutAny is the table with all lines taken out that can be.
func withoutAny() table {
	left := maps.Clone(unsupported)
	for _, s := range switches {
		delete(left, s.line)
	}
	return left
}

func TestTakingOutALineAcceptsWhatItIsAbout(t *testing.T) {
	for _, s := range switches {
		t.Run(s.line, func(t *testing.T) {
			if _, listed := unsupported[s.line]; listed {
				_, err := Decode("x.yaml", []byte(head+s.text))
				for _, finding := range strings.Split(fmt.Sprint(err), "\n") {
					if !strings.Contains(finding, "not supported yet") {
						t.Errorf("with the line: %s", finding)
					}
				}
			}
			left := maps.Clone(unsupported)
			delete(left, s.line)
			got, err := decode("x.yaml", []byte(head+s.text), left)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Mirror, s.want) {
				t.Errorf("got  %+v\nwant %+v", got.Mirror, s.want)
			}
		})
	}
}

// TestEveryLineThatCanBeTakenOutIsTested finds lines about a field that Config
// has, or about what such a field may not hold.
func TestEveryLineThatCanBeTakenOutIsTested(t *testing.T) {
	tested := map[string]bool{}
	for _, s := range switches {
		tested[s.line] = true
	}
	whole := table(nil).mask(reflect.TypeFor[Config](), "")
	for line := range unsupported {
		_, isField := unsupported.fields()[line]
		hasField := table{line: ""}.mask(reflect.TypeFor[Config](), "") != whole
		if can := hasField || !isField; can != tested[line] {
			t.Errorf("%s: can be taken out: %t, tested: %t", line, can, tested[line])
		}
	}
}

// TestRefusedFieldsAreEmpty is about a field's type too: nobody should learn
// that a field which is not supported has to be a string.
func TestRefusedFieldsAreEmpty(t *testing.T) {
	for text, want := range map[string]string{
		"  operators: [{catalog: 'a:1', full: true, skipDependencies: [4]}]\n": "x.yaml:4: mirror.operators[0].skipDependencies: not supported yet",
		image + "  helm: {local: [{name: a}]}\n":                               "x.yaml:5: mirror.helm: not supported yet: helm charts are not carried; list their images under additionalImages",
		"  platform: {grap: true}\n":                                           "x.yaml:4: mirror.platform.grap: unknown key (did you mean graph?)",
		"  platform: {channels: several}\n":                                    `x.yaml:4: mirror.platform.channels: want a list, found "several"`,
		"  platform: {architecture: [amd64]}\n" + image:                        "x.yaml:4: mirror.platform.architecture: unknown key (did you mean architectures?)",
	} {
		if _, err := Decode("x.yaml", []byte(head+text)); fmt.Sprint(err) != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	zero := "  platform: {graph: no}\n  blockedImages: []\n  helm: {}\n" + image
	if _, err := Decode("x.yaml", []byte(head+strings.Replace(zero, "no", "false", 1))); err != nil {
		t.Error(err)
	}
}

// TestAcceptedFieldsHaveTheirTypes is the other side: without its line, a field
// is read strictly like all others.
func TestAcceptedFieldsHaveTheirTypes(t *testing.T) {
	all := withoutAny()
	for text, want := range map[string]string{
		"  platform: {graph: 4}\n":                                                          "x.yaml:4: mirror.platform.graph: want true or false, found the number 4",
		"  platform: {channels: [{name: a, full: 'true'}]}\n":                               `x.yaml:4: mirror.platform.channels[0].full: want true or false, found "true"`,
		"  operators: [{catalog: 'a:1', packages: [{name: a, channels: [stable]}]}]\n":      `x.yaml:4: mirror.operators[0].packages[0].channels[0]: want a mapping, found "stable"`,
		"  operators: [{catalog: 'a:1', packages: [{name: a, channels: [{nme: b}]}]}]\n":    "x.yaml:4: mirror.operators[0].packages[0].channels[0].nme: unknown key (did you mean name?)",
		"  operators: [{catalog: 'a:1', packages: [{name: a, minVersion: 4.17}]}]\n":        `x.yaml:4: mirror.operators[0].packages[0].minVersion: want a string, found the number 4.17: put it in quotes, "4.17"`,
		"  operators: [{catalog: 'a:1', packages: [{name: a, bundles: [{name: b.v1}]}]}]\n": "x.yaml:4: mirror.operators[0].packages[0].bundles: not supported yet",
	} {
		if _, err := decode("x.yaml", []byte(head+text), all); fmt.Sprint(err) != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

package e2e

import (
	"strings"
	"testing"

	"drayage/test/content"
)

// Two catalogs with packages of their own, made from one index: once by its tag,
// once by tag and digest. Each stands at its target, and neither knows of the
// other's package.
func TestTwoCatalogsOfOneIndex(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	write(t, dir, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  operators:\n"+
		"  - {catalog: '"+content.CatalogRef+"', targetCatalog: site/anchors, packages: [{name: anchor-operator}]}\n"+
		"  - {catalog: '"+content.CatalogRef+"@"+filled.Catalog.Image.Digest+"', targetCatalog: site/buoys, targetTag: june, packages: [{name: buoy-operator}]}\n")
	build(t, dir)
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	validCatalog(t, image(t, node.Addr()+"/site/anchors:v4.17"), []string{"anchor-operator"})
	validCatalog(t, image(t, node.Addr()+"/site/buoys:june"), []string{"buoy-operator"})
	pullAll(t, dir, node.Addr())
	files := good(t, dir, "import", "render", "--site", "site.yaml", "-o", "manifests", "site.tar")
	for _, want := range []string{"-catalogsource-anchors.yaml\n", "-catalogsource-buoys.yaml\n", "-anchors-0.yaml\n", "-buoys-0.yaml\n"} {
		if !strings.Contains(files, want) {
			t.Errorf("no file %q among\n%s", want, files)
		}
	}
}

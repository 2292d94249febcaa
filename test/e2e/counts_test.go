package e2e

import (
	"encoding/json"
	"testing"
)

// Every verb that counts blobs counts the same ones: those in the file.
func TestAllVerbsCountTheSame(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	type counts struct {
		Images, Blobs                   int
		Bytes, BundleBytes, UniqueBytes int64
	}
	ask := func(program string, args ...string) counts {
		var c counts
		if err := json.Unmarshal([]byte(good(t, dir, program, args...)), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	more := []string{"--registries-conf", "registries.conf", "--insecure-skip-signature", "--json"}
	plan := ask("bundle", append([]string{"plan", "-c", "imageset.yaml"}, more...)...)
	build := ask("bundle", append([]string{"build", "-c", "imageset.yaml", "-o", "site.tar"}, more...)...)
	inspect := ask("bundle", "inspect", "--json", "site.tar")
	verify := ask("import", "verify", "--json", "site.tar")
	if plan.Blobs == 0 || plan.Blobs != build.Blobs || plan.Blobs != inspect.Blobs || plan.Blobs != verify.Blobs {
		t.Errorf("blobs: plan %d, build %d, inspect %d, verify %d", plan.Blobs, build.Blobs, inspect.Blobs, verify.Blobs)
	}
	if plan.Images != build.Images || plan.Images != inspect.Images {
		t.Errorf("images: plan %d, build %d, inspect %d", plan.Images, build.Images, inspect.Images)
	}
	if plan.UniqueBytes == 0 || plan.UniqueBytes != inspect.UniqueBytes {
		t.Errorf("unique bytes: plan %d, inspect %d", plan.UniqueBytes, inspect.UniqueBytes)
	}
	if plan.BundleBytes != build.Bytes || plan.BundleBytes != inspect.Bytes || plan.BundleBytes != verify.Bytes {
		t.Errorf("bytes: plan %d, build %d, inspect %d, verify %d", plan.BundleBytes, build.Bytes, inspect.Bytes, verify.Bytes)
	}
}

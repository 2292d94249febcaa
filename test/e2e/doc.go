// Package e2e tests the two programs from the outside, as a person calls them,
// on real CNCF registries: the whole path, every verb (testdata/script), bad
// bundles, registries in trouble, and the real payloads and catalogs of the
// folder ../../../shared where it is there.
package e2e

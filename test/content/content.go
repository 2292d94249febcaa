// Package content makes images of the real shape with made-up content and puts
// them into a registry: a release payload, an operator catalog with the images
// that it names, and plain images by tag and by digest.
//
// # Where things are
//
// A registry stands for all upstream hosts at once: what is quay.io/a/b upstream
// lies at ADDR/quay.io/a/b. [RegistriesConf] says so to a client.
//
// # The same again
//
// Everything comes from seeds: no clock, no chance. The same call gives the same
// digests in every run of the same program. A change of the Go version may
// change them, for gzip may; so tests must not hold digests as constants.
//
// # Sizes
//
// Sizes are bytes of layer content before compression. Made-up text compresses
// to about a quarter, incompressible content not at all. Layers are made while
// they are read, so large ones need time and not memory.
//
// [Fill] makes and pushes a whole small world. [Image], [MakeRelease],
// [MakeCatalog] and [Push] make parts of one.
package content

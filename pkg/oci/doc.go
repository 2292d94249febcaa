// Package oci moves OCI content: from registries into a bundle's tar, and out of
// the tar, by offset, into registries. It knows digests, sizes and references,
// and nothing of releases, operators or sites.
//
// # The way out
//
//	Source    every registry in the world, as registries.conf and credentials reach them
//	Content   what a set of images consists of: small blobs in memory, all others by where they can be had
//	Layout    where everything lies in the tar, known before the first blob is fetched
//
// [Layout.Write] fetches several blobs at once and writes each straight to its
// place: fetched once, written once, proven while it passes.
//
// # The way in
//
//	Archive   a bundle's tar, read by offset and never unpacked
//	Client    registries: what they have, uploads, mounts
//
// [OpenArchive] takes only a tar that is byte for byte what a Layout writes, so
// that there is nothing for two readers to disagree about. [Archive.Verify]
// proves the rest.
//
// # Platforms
//
// An image is given as a [Root]: its descriptor, and of an index the platforms
// that are meant. What an index names for other platforms is then neither fetched
// nor missed; the index stays as it is.
//
// # Trust
//
// Content is what its digest says, or an error ([ContentError]). What comes from
// a server or a bundle is bounded before it is read and made printable before it
// is shown. Plain HTTP and unproven certificates are for hosts that a person
// marked insecure. A request is repeated when a link is bad ([HTTPError] says
// which request), and given up when nothing moves.
//
// This is the only room that knows go-containerregistry (names, credentials,
// tokens) and the reader of registries.conf.
package oci

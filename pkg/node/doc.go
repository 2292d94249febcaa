// Package node is the registry on a node: the files, the systemd unit and the
// MachineConfig that bring CNCF distribution to every node of a pool, outside of
// the cluster's reach. It computes and asks nobody: the same input gives the same
// bytes.
//
// # What stands on a node
//
//	/etc/systemd/system/drayage-registry.service
//	/usr/local/bin/drayage-registry       loads the image, waits for the registry
//	/etc/drayage-registry/config.yml      of distribution, and with TLS tls.crt,
//	                                      tls.key (0600), with a user htpasswd (0600)
//	/var/local-registry                   registry.storage of the site:
//	    image/                            the registry's image, an OCI layout
//	    docker/registry/v2/...            what the registry stores
//
// # The image
//
// podman and CRI-O share one store of images, and a node empties it after a power
// cut. A registry whose image was in that store only would have to be pulled from
// itself. So the image lies on the node as files, which import registry-image
// writes, and is loaded from there whenever podman does not have it. podman knows
// it by its digest, so another image under the same name is never run.
//
// # The unit
//
// It starts before CRI-O and the kubelet, and after the node has cleaned its store
// up. It never gives up. It requires nothing and nothing requires it: a node whose
// registry is broken starts all the same, and pulls from its neighbours. It counts
// as started when the registry answers.
//
// The memory bound is podman's: the container has a control group of its own, to
// which MemoryMax= of the unit would not apply.
package node

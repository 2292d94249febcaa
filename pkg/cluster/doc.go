// Package cluster writes objects to an OpenShift cluster and waits until the
// cluster has done what they say. It is the one room that knows client-go, and
// of that only the dynamic client: kinds come from a fixed table, nothing is
// discovered.
//
//	c, err := cluster.Connect(ctx, cluster.ConnectOptions{})
//	objects, err := ... cluster.Decode(yaml) ...
//	plan, err := c.Prepare(ctx, objects, cluster.PrepareOptions{Version: "4.13"})
//	if err := plan.Err(); err != nil { all findings }
//	changes, err := c.Apply(ctx, plan, cluster.ApplyOptions{})
//
// # Before anything is written
//
// Prepare looks at the cluster and asks the API server to try every object
// (dry run, all of admission). What is wrong is a [Finding]: object, field, what
// was found, what to do. All are reported; when one is an error nothing is
// written. An object in a namespace that an earlier object makes cannot be
// tried; [Change.Untried] says so.
//
// # Ours and others'
//
// An object is written by server-side apply as the manager [Manager]. A field
// that another manager holds with another value is an error which names both;
// with ForceConflicts it is taken over. Some objects belong to everybody:
// Image/cluster, OperatorHub/cluster, MachineConfiguration/cluster and the pull
// secret. Their lists are atomic to the server, so a forced apply would take an
// administrator's entries away. They are read, added to, and updated with the
// resource version that was read. When Image/cluster has a trusted CA map
// already, our keys are added to that map.
//
// # Order
//
// Nodes are drained at most once:
//
//  1. namespaces, ConfigMaps, Secrets, MachineConfiguration
//  2. with the pool paused: MachineConfig, KubeletConfig, Image/cluster, tag mirrors,
//     mirrors that forbid the source, mirror sets that lose a mirror; then the pool runs and is waited for
//  3. digest mirrors: they neither drain nor reboot; waited for
//  4. OperatorHub, CatalogSources, ClusterCatalogs; waited for
//  5. pinned images, update service
//
// A pool that we paused carries [PausedAnnotation]. It is let go whatever
// happens; where the program is killed, the next run does it. A pool that
// somebody else paused is refused.
//
// # Waiting
//
// A pool says that it is updated until its controller has noticed the change,
// so first our own bytes must be in the rendered configuration that the pool
// aims at; only then do its conditions count. Times are limited for each node,
// not for all. An API server that goes away is waited for.
package cluster

// Package access is how a node's registry proves itself and whom it lets in: one
// certificate authority (CA) of a site, one server certificate for all of its
// nodes, and one user with a password.
//
// One certificate has to do for all nodes: the nodes of a pool get the same
// files. So it names them all ([Names]), and localhost, by which each node asks
// its own registry first.
//
//	Make         a new CA and a server certificate from it
//	Renew        a new server certificate from a CA that is there
//	MakeUser     a password, and the line of an htpasswd file
//	ReadClient   what one needs to talk to the registries: the CA, the password
//	ReadServer   what the registries need: certificate, key, htpasswd
//	Server.Check everything that will not work with these files
//
// Nothing secret ever stands in an error.
package access

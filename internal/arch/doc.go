// Package arch has no code but a test: who may know whom. Each package is a room
// of the house, and the test's table says which of our packages it may import and
// which foreign modules are its alone. Imports flow one way, and a package that
// is not in the table does not pass.
//
// The tests of a package may import what they like, and so may the folder test/,
// which is a module of its own.
package arch

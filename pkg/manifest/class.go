package manifest

// Class is what a person calls the images of a role and of those that come with
// it: a release and its components are one class, and so are a catalog and its
// operators.
func (r Role) Class() string {
	switch r {
	case RoleComponent:
		return string(RoleRelease)
	case RoleCatalog, RoleOperator:
		return "operators"
	case RoleGraph:
		return "update graph"
	case RoleSignature:
		return "signatures"
	}
	return string(r)
}

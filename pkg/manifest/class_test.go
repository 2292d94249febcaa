package manifest

import "testing"

func TestEveryRoleHasAClass(t *testing.T) {
	want := map[Role]string{
		RoleRegistry: "registry", RoleRelease: "release", RoleComponent: "release", RoleGraph: "update graph",
		RoleCatalog: "operators", RoleOperator: "operators", RoleAdditional: "additional", RoleSignature: "signatures",
	}
	for _, r := range Roles {
		if got := r.Class(); got != want[r] {
			t.Errorf("%s: %q, want %q", r, got, want[r])
		}
	}
}

package cluster

import (
	"os"
	"strings"
	"testing"

	"drayage/test/cluster/machineconfig"
	"drayage/test/cluster/unitfile"
)

// goodUnit is a unit as Drayage might write one, in a MachineConfig.
const goodUnit = `apiVersion: machineconfiguration.openshift.io/v1
kind: MachineConfig
metadata: {name: 99-master-unit, labels: {machineconfiguration.openshift.io/role: master}}
spec:
  config:
    ignition: {version: 3.2.0}
    storage:
      files:
      - {path: /usr/local/bin/load, mode: 0755, contents: {source: "data:,%23!%2Fbin%2Fbash%0A"}}
    systemd:
      units:
      - name: registry.service
        enabled: true
        contents: |
          [Unit]
          Before=crio.service kubelet.service
          [Service]
          Type=notify
          ExecStartPre=/usr/local/bin/load
          ExecStart=/usr/bin/podman run --name registry
          Restart=always
          RestartSec=10
          [Install]
          WantedBy=multi-user.target
`

func TestIgnitionFindsWhatTheCRDDoesNot(t *testing.T) {
	cases := []struct {
		name     string
		old, new string
		minor    int
		want     string // empty: nothing
	}{
		{"good", "", "", 9, ""},
		{"Ignition 3.4 for 4.12", "3.2.0", "3.4.0", 12, "newest of OpenShift 4.12 is 3.2.0"},
		{"Ignition 3.4 for 4.13", "3.2.0", "3.4.0", 13, ""},
		{"an unknown key", "    storage:", "    networkd: {}\n    storage:", 17, "networkd"},
		{"a source that is no URL", "data:,%23!%2Fbin%2Fbash%0A", "just text", 17, "scheme"},
		{"a relative path", "path: /usr", "path: usr", 17, "path not absolute"},
		{"a directory", "    storage:", "    storage:\n      directories: [{path: /var/x}]", 17, "directories section contains changes"},
		{"append", "contents: {source", "append: [{source: 'data:,x'}], contents: {source", 17, "includes append"},
		{"another user", "    storage:", "    passwd: {users: [{name: joe}]}\n    storage:", 17, "non-core user"},
		{"no form", "config:\n", "konfig:\n", 17, "unknown field"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			findings(t, machineconfig.Check([]byte(strings.Replace(goodUnit, c.old, c.new, 1)), c.minor), c.want)
		})
	}
}

func TestSystemdFindsWhatIgnitionDoesNot(t *testing.T) {
	if !unitfile.Available() {
		t.Skip("systemd-analyze is not here: units are not checked")
	}
	cases := []struct{ name, old, new, want string }{
		{"good", "", "", ""},
		{"a misspelt key", "Before=", "Befor=", "Unknown key"},
		{"a misspelt value", "Restart=always", "Restart=allways", "allways"},
		{"a file that is not executable", "mode: 0755", "mode: 0644", "is not executable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			findings(t, unitfile.Verify(t.Context(), []byte(strings.Replace(goodUnit, c.old, c.new, 1))), c.want)
		})
	}
}

// findings wants an error that says something, or none.
func findings(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

// checkFile has the objects' own readers look at a rendered file.
func checkFile(t *testing.T, path string, minor int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "kind: MachineConfig\n") {
		return
	}
	if err := machineconfig.Check(raw, minor); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	if unitfile.Available() {
		if err := unitfile.Verify(t.Context(), raw); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

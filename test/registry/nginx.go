package registry

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// NginxT starts nginx for a test, before the registry at an address, and returns
// its own. The directives stand in its location block. Where the program is not
// there the test is skipped. It ends with the test.
func NginxT(tb testing.TB, registry, directives string) (addr string) {
	tb.Helper()
	bin, err := exec.LookPath("nginx")
	if err != nil {
		if bin = "/usr/sbin/nginx"; !runs(bin) {
			tb.Skip("nginx is not here: no real proxy stands before a registry (apt-get install nginx-light)")
		}
	}
	dir := tb.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	text := fmt.Sprintf(nginxConf, dir, addr, directives, registry)
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	runT(tb, exec.Command(bin, "-c", config, "-p", dir, "-e", filepath.Join(dir, "error.log")), "http://"+addr+"/v2/")
	return addr
}

func runs(path string) bool {
	s, err := os.Stat(path)
	return err == nil && s.Mode()&0o111 != 0
}

// nginxConf is one process in the foreground, with all its files in one folder.
const nginxConf = `daemon off;
master_process off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
  access_log %[1]s/access.log;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server {
    listen %[2]s;
    location / {
      %[3]s
      proxy_pass http://%[4]s;
      proxy_set_header Host $http_host;
    }
  }
}
`

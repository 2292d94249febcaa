package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"

	"github.com/distribution/distribution/v3/configuration"
)

// configuration is what the flags say, or the file that they name.
func (o options) configuration() (*configuration.Configuration, error) {
	if o.config != "" {
		f, err := os.Open(o.config)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return configuration.Parse(f)
	}
	c := &configuration.Configuration{Storage: configuration.Storage{
		"filesystem": configuration.Parameters{"rootdirectory": o.root},
		"delete":     configuration.Parameters{"enabled": o.delete},
	}}
	c.HTTP.Addr = o.addr
	c.Catalog.MaxEntries = 1000 // as of a file that does not say it
	if o.sparse {
		c.Validation.Manifests.Indexes.Platforms = "none"
	}
	if o.htpasswd != "" {
		// distribution makes a missing file up, with a user of its own.
		if _, err := os.Stat(o.htpasswd); err != nil {
			return nil, err
		}
		c.Auth = configuration.Auth{"htpasswd": configuration.Parameters{"realm": "registry", "path": o.htpasswd}}
	}
	return c, nil
}

func scheme(c *configuration.Configuration) string {
	if c.HTTP.TLS.Certificate != "" {
		return "https"
	}
	return "http"
}

func serve(s *http.Server, l net.Listener, c *configuration.Configuration) error {
	if scheme(c) == "https" {
		return s.ServeTLS(l, c.HTTP.TLS.Certificate, c.HTTP.TLS.Key)
	}
	return s.Serve(l)
}

// anyCertificate is a client that asks whether somebody is there, not who.
func anyCertificate() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

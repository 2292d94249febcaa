package server

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcdTime is how long etcd may take to start.
const etcdTime = 30 * time.Second

// startEtcd starts etcd on loopback, without syncing to disk: nothing outlives a test.
func startEtcd(dir string) (*embed.Etcd, string, error) {
	c := embed.NewConfig()
	c.Dir = filepath.Join(dir, "etcd")
	u := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	c.ListenClientUrls, c.AdvertiseClientUrls = u, u
	c.ListenPeerUrls, c.AdvertisePeerUrls = u, u
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.LogLevel = "error"
	c.UnsafeNoFsync = true
	e, err := embed.StartEtcd(c)
	if err != nil {
		return nil, "", fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, "http://" + e.Clients[0].Addr().String(), nil
	case err = <-e.Err():
	case <-time.After(etcdTime):
		err = errors.New("not ready in " + etcdTime.String())
	}
	e.Close()
	return nil, "", fmt.Errorf("etcd: %w", err)
}

package oci

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// abandonTime bounds how long giving up an upload may take: whoever pressed ^C
// waits for it.
const abandonTime = 3 * time.Second

// abandon takes an upload back that ended in err. A session does not outlive the
// run that began it, and registries keep what it brought for days: on a full disk
// each run would leave less room for the next one. It is done after ^C too. A
// registry that fell silent is not asked: it may still be at the commit.
func (u *upload) abandon(ctx context.Context, err error) {
	if u.session == nil || errors.Is(err, errStalled) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTime)
	defer cancel()
	for n := range attempts {
		if sleep(ctx, u.c.firstBackoff<<n) != nil || u.cancelled(ctx) {
			return
		}
	}
}

// cancelled is true when there is no more to do. Distribution takes a DELETE only
// at the Location that knows how far the upload has got, and what was cut may still
// be on its way to the disk: so the upload is asked for that first, and again.
func (u *upload) cancelled(ctx context.Context) bool {
	at := *u.session
	req := &http.Request{Method: http.MethodGet, URL: &at, Header: http.Header{}}
	resp, err := u.c.do(ctx, u.r, actionsPush, req, http.StatusNoContent, http.StatusAccepted, http.StatusOK)
	known := err == nil
	if known {
		resp.Body.Close()
		if next, err := resp.Location(); err == nil {
			u.session = next
		}
	}
	err = u.c.cancelUpload(ctx, u.r, u.session)
	return err == nil || !known // who does not know it has nothing to give up
}

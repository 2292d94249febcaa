package signature

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Stores are where Red Hat publishes signatures: the same in every payload from
// 4.9 on.
var Stores = []string{
	"https://storage.googleapis.com/openshift-release/official/signatures/openshift/release",
	"https://mirror.openshift.com/pub/openshift-v4/signatures/openshift/release",
}

// mostSignatures is how many signatures of one digest are asked for.
const mostSignatures = 9

// Get fetches a document of at most so many bytes. notFound tells that the
// server does not have it.
type Get func(ctx context.Context, url string, most int64) (raw []byte, notFound bool, err error)

// Fetch asks the stores, one after the other, for signatures of a release and
// returns those that are good from the first store that has one. When no store
// has a good one the error says of each what there was: it is the caller's to
// stop there.
func Fetch(ctx context.Context, get Get, stores []string, k Keyring, r Release, now time.Time) ([][]byte, error) {
	var errs []error
	for _, store := range stores {
		good, err := fromStore(ctx, get, store, k, r, now)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if len(good) > 0 {
			return good, nil
		}
		errs = append(errs, err)
	}
	if len(stores) == 0 {
		errs = append(errs, errors.New("no store was asked"))
	}
	return nil, &UnsignedError{r.Name, errors.Join(errs...)}
}

// UnsignedError is a release that nobody who is trusted vouches for.
type UnsignedError struct {
	// Release is <version>-<arch>.
	Release string
	// Err says of each store what there was.
	Err error
}

// Error is one line for each store.
func (e *UnsignedError) Error() string {
	return "release " + e.Release + " has no good signature: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *UnsignedError) Unwrap() error { return e.Err }

func fromStore(ctx context.Context, get Get, store string, k Keyring, r Release, now time.Time) ([][]byte, error) {
	var good [][]byte
	var errs []error
	store = strings.TrimSuffix(store, "/")
	for n := 1; n <= mostSignatures; n++ {
		url := fmt.Sprintf("%s/sha256=%s/signature-%d", store, r.Digest.Encoded(), n)
		raw, notFound, err := get(ctx, url, MaxSize)
		if notFound {
			break
		}
		if err != nil { // the store is out of reach, and will be for the next one
			errs = append(errs, err)
			break
		}
		if err := k.Check(raw, r, now); err != nil {
			errs = append(errs, fmt.Errorf("%s: signature-%d: %w", store, n, err))
			continue
		}
		good = append(good, raw)
	}
	if len(good) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: has none", store))
	}
	return good, errors.Join(errs...)
}

// Package torture does to the two programs what a bad day does, often: it kills
// them with SIGKILL at random moments, flips single bytes of bundles, gives them
// bundles that are wrong in every way that is known (docs/museum.md), and makes
// each kind of HTTP request fail in each way. After each it lets the same
// command run again and compares what is there with what is there when nobody
// disturbs.
//
// It takes minutes, so its tests are skipped, and say so, unless
//
//	DRAYAGE_TORTURE=1
//
// is set, as `make test-faults` does. Moments and bytes are chosen by a seed,
// which is printed; DRAYAGE_TORTURE_SEED=N takes that one again. What a moment
// hits is still up to the machine. DRAYAGE_TORTURE_PERCENT=5 does so much of
// what is random, for a look.
package torture

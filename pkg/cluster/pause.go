package cluster

import (
	"context"
	"encoding/json"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"drayage/internal/progress"
)

// pause keeps the pool from rolling out what is only half written. A pause of
// our own that is there already is kept.
func (c *Cluster) pause(ctx context.Context, p progress.Func) error {
	return c.persist(ctx, p, func(ctx context.Context) error {
		u, err := c.dynamic.Resource(machineConfigPools).Get(ctx, MasterPool, metav1.GetOptions{})
		if err != nil {
			return err
		}
		pool := poolOf(u)
		if pool.Paused && pool.PausedByUs {
			return nil
		}
		if pool.Paused {
			return &FindingsError{[]Finding{pausedByOthers}}
		}
		return c.patchPool(ctx, map[string]any{
			// Somebody may pause it between the look and this: then it is a conflict.
			"metadata": map[string]any{"resourceVersion": u.GetResourceVersion(), "annotations": map[string]any{PausedAnnotation: "true"}},
			"spec":     map[string]any{"paused": true},
		})
	})
}

var pausedByOthers = Finding{Object: "MachineConfigPool/" + MasterPool, Field: "spec.paused", Found: "is true, and not by us",
	Do: "ask who paused it and why, then: " + Unpause}

// Unpause is the command by which a person lets the pool run.
const Unpause = `oc patch mcp/` + MasterPool + ` --type merge -p '{"spec":{"paused":false}}'`

func (c *Cluster) patchPool(ctx context.Context, patch map[string]any) error {
	raw, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = c.dynamic.Resource(machineConfigPools).Patch(ctx, MasterPool, types.MergePatchType, raw, metav1.PatchOptions{FieldManager: Manager})
	return err
}

// letGo lets a pool run that we paused, also when ctx is cancelled: a pool that
// stays paused gets no certificates.
func (c *Cluster) letGo(ctx context.Context, p progress.Func) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), c.limits.letGo)
	defer stop()
	err := c.persist(ctx, p, func(ctx context.Context) error {
		pool, err := c.pool(ctx, MasterPool)
		if err != nil || !pool.PausedByUs {
			return err
		}
		return c.patchPool(ctx, map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{PausedAnnotation: nil}},
			"spec":     map[string]any{"paused": false},
		})
	})
	if err == nil {
		return nil
	}
	found := "may still be true: the API server did not answer for " + c.limits.letGo.String()
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		found = "is still true, and could not be unset: " + err.Error()
	}
	return &FindingsError{[]Finding{{Object: "MachineConfigPool/" + MasterPool, Field: "spec.paused", Found: found,
		Do: "run the same command again, or: " + Unpause}}}
}

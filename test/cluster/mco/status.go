package mco

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"drayage/test/cluster/kube"

	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// report writes a pool's status if it is another one now.
func (o *Operator) report(ctx context.Context, p *pool) error {
	next := status(p)
	if reflect.DeepEqual(next, p.Status) {
		return nil
	}
	if next.Configuration.Name != p.Status.Configuration.Name {
		o.store.Log(p.Name, "completed", "%s", next.Configuration.Name)
	}
	return o.client.Patch(ctx, kube.MachineConfigPools, p.Name, map[string]any{"status": next}, "status")
}

// status counts a pool's nodes. It is of the generation that was read, so it is
// behind for a moment when the configuration has just changed.
func status(p *pool) mcv1.MachineConfigPoolStatus {
	s := *p.Status.DeepCopy()
	s.ObservedGeneration = p.Generation
	s.MachineCount = int32(len(p.nodes))
	s.UpdatedMachineCount, s.ReadyMachineCount, s.UnavailableMachineCount, s.DegradedMachineCount = 0, 0, 0, 0
	if s.CertExpirys == nil {
		s.CertExpirys = []mcv1.CertExpiry{} // the CRD wants a list
	}
	var reasons []string
	for _, n := range p.nodes {
		updated := n.done() && n.annotation(currentConfig) == p.Spec.Configuration.Name
		s.UpdatedMachineCount += count(updated)
		s.ReadyMachineCount += count(updated && n.ready())
		s.UnavailableMachineCount += count(n.unavailable())
		s.DegradedMachineCount += count(n.failing())
		if n.failing() {
			reasons = append(reasons, fmt.Sprintf("Node %s is reporting: %q", n.Name, n.annotation(reasonAnnotation)))
		}
	}
	if p.degraded == "" && s.UpdatedMachineCount == s.MachineCount && s.ReadyMachineCount == s.MachineCount && s.UnavailableMachineCount == 0 {
		s.Configuration = p.Spec.Configuration
	}
	conditions(p, &s, reasons)
	return s
}

func count(is bool) int32 {
	if is {
		return 1
	}
	return 0
}

func conditions(p *pool, s *mcv1.MachineConfigPoolStatus, reasons []string) {
	to := "MachineConfig " + p.Spec.Configuration.Name
	all := s.UpdatedMachineCount == s.MachineCount && s.ReadyMachineCount == s.MachineCount && s.UnavailableMachineCount == 0
	switch {
	case all:
		set(s, mcv1.MachineConfigPoolUpdated, true, "", "All nodes are updated with "+to)
		set(s, mcv1.MachineConfigPoolUpdating, false, "", "")
	case p.Spec.Paused:
		set(s, mcv1.MachineConfigPoolUpdated, false, "", "")
		set(s, mcv1.MachineConfigPoolUpdating, false, "", "Pool is paused; will not update to "+to)
	default:
		set(s, mcv1.MachineConfigPoolUpdated, false, "", "")
		set(s, mcv1.MachineConfigPoolUpdating, true, "", "All nodes are updating to "+to)
	}
	render, nodes := p.degraded != "", len(reasons) > 0
	set(s, mcv1.MachineConfigPoolRenderDegraded, render, "", p.degraded)
	if nodes {
		set(s, mcv1.MachineConfigPoolNodeDegraded, true, fmt.Sprintf("%d nodes are reporting degraded status on sync", len(reasons)), strings.Join(reasons, ", "))
	} else {
		set(s, mcv1.MachineConfigPoolNodeDegraded, false, "", "")
	}
	set(s, mcv1.MachineConfigPoolDegraded, render || nodes, "", "")
}

// set sets a condition; its time changes only with its status.
func set(s *mcv1.MachineConfigPoolStatus, t mcv1.MachineConfigPoolConditionType, is bool, reason, message string) {
	status := corev1.ConditionFalse
	if is {
		status = corev1.ConditionTrue
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if c.Type != t {
			continue
		}
		if c.Status != status {
			c.LastTransitionTime = metav1.Now().Rfc3339Copy()
		}
		c.Status, c.Reason, c.Message = status, reason, message
		return
	}
	s.Conditions = append(s.Conditions, mcv1.MachineConfigPoolCondition{Type: t, Status: status, LastTransitionTime: metav1.Now().Rfc3339Copy(), Reason: reason, Message: message})
}

package kube

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// rewatchTime is how long a watch that ended waits until it begins again.
const rewatchTime = 200 * time.Millisecond

// Wake calls back whenever anything of the resources changes, until ctx ends.
// It says that, and not what: who is woken reads what is there now. Watches that
// break begin again, so a restart of the API server is one wake more.
func Wake(ctx context.Context, c dynamic.Interface, wake func(), resources ...schema.GroupVersionResource) {
	for _, r := range resources {
		go func() {
			for ctx.Err() == nil {
				follow(ctx, c.Resource(r), wake)
				wake()
				select {
				case <-ctx.Done():
				case <-time.After(rewatchTime):
				}
			}
		}()
	}
}

func follow(ctx context.Context, r dynamic.ResourceInterface, wake func()) {
	w, err := r.Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	defer w.Stop()
	for range w.ResultChan() {
		wake()
	}
}

package hook

import (
	"context"
	"sync"
	"sync/atomic"
)

// Observed is one request that is hurt.
type Observed struct {
	// Fault is its name, such as go.http-delay; ID the use of it.
	Fault, ID string
}

var (
	observers      atomic.Pointer[[]func(context.Context, Observed)]
	observersGuard sync.Mutex
)

// Observe calls f for every request that is hurt from now on, with the request's context. Only
// hurt requests pay for it. It is for telemetry and stays for the life of the process.
func Observe(f func(ctx context.Context, hit Observed)) {
	observersGuard.Lock()
	defer observersGuard.Unlock()
	all := []func(context.Context, Observed){f}
	if old := observers.Load(); old != nil {
		all = append(append([]func(context.Context, Observed){}, *old...), f)
	}
	observers.Store(&all)
}

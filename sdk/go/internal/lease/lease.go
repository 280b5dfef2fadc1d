// Package lease is how long an armed fault may still act. The end is read on every use, so a
// timer that fires late on a busy machine lengthens nothing.
package lease

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/clock"
)

// Lease is one fault's permission to act.
type Lease struct {
	clock clock.Clock
	end   atomic.Int64
	cap   time.Duration
}

// New returns a lease of d from now, that no renewal carries beyond cap from now.
func New(c clock.Clock, d, cap time.Duration) *Lease {
	own := &Lease{clock: c, cap: c.Now() + cap}
	own.end.Store(int64(min(c.Now()+d, own.cap)))
	return own
}

// Renew moves the end to d from now, forward only and at most to the cap. A lease that is over
// stays over.
func (l *Lease) Renew(d time.Duration) bool {
	now := l.clock.Now()
	next := int64(min(now+d, l.cap))
	for {
		end := l.end.Load()
		if time.Duration(end) <= now {
			return false
		}
		if next <= end || l.end.CompareAndSwap(end, next) {
			return true
		}
	}
}

// End ends it now.
func (l *Lease) End() { l.end.Store(0) }

// Left is how long it still holds; 0 once it is over.
func (l *Lease) Left() time.Duration {
	return max(0, time.Duration(l.end.Load())-l.clock.Now())
}

// IsCapped tells whether renewals no longer move the end.
func (l *Lease) IsCapped() bool { return time.Duration(l.end.Load()) >= l.cap }

type key struct{}

// With puts a lease into a context.
func With(ctx context.Context, l *Lease) context.Context {
	return context.WithValue(ctx, key{}, l)
}

// From is the lease of a context; a context without one has a lease that is over, so that a
// fault outside its life does nothing.
func From(ctx context.Context) *Lease {
	if l, ok := ctx.Value(key{}).(*Lease); ok {
		return l
	}
	return &Lease{clock: clock.Real{}}
}

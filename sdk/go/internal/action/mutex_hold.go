package action

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/meter"
	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

var mutexHoldKeys = []string{"lock", "hold", "every", "waiters"}

type holding struct {
	*crew
	lock     sync.Locker
	name     string
	held     atomic.Int64
	waitedMs float64
}

// mutexHold holds a mutex of the process for a while, again and again. Without a name it is one
// of its own, with goroutines that wait for it: what lock contention costs the scheduler.
func mutexHold(_ context.Context, env *Env, p value.Params, dry bool) (running, error) {
	hold, err := p.Duration("hold", 5*time.Millisecond, time.Minute)
	if err != nil {
		return nil, err
	}
	every, err := p.Duration("every", 10*time.Millisecond, time.Minute)
	if err != nil {
		return nil, err
	}
	if every < hold || hold == 0 {
		return nil, &value.Error{Key: "every", Text: every.String(), Want: "at least as long as hold, which is above 0s"}
	}
	waiters, err := p.Count("waiters", 4, 0, 1000)
	if err != nil {
		return nil, err
	}
	own := &holding{crew: newCrew(), lock: &sync.Mutex{}, name: p.Text("lock", "")}
	if own.name != "" {
		lock, ok := env.Locks.Find(own.name)
		if !ok {
			return nil, fmt.Errorf("lock: no mutex %q is registered here; squall.RegisterLock does it", own.name)
		}
		// A named lock has its own waiters.
		own.lock, waiters = lock, 0
	}
	if dry {
		return nil, nil
	}
	own.waitedMs = waited()
	own.start(func() { own.holdAndLet(hold, every) })
	for range waiters {
		own.start(func() {
			for own.pause(0) {
				own.lock.Lock()
				own.lock.Unlock() //nolint:staticcheck // being in the queue is the point
			}
		})
	}
	return own, nil
}

func (h *holding) holdAndLet(hold, every time.Duration) {
	for {
		h.lock.Lock()
		h.held.Add(1)
		goesOn := h.pause(hold)
		h.lock.Unlock()
		if !goesOn || !h.pause(every-hold) {
			return
		}
	}
}

func waited() float64 { return meter.Float("/sync/mutex/wait/total:seconds") * 1e3 }

func (h *holding) stop() error { return h.dismiss() }

func (h *holding) measure() wire.Bite {
	held, waited := uint64(h.held.Load()), waited()-h.waitedMs
	return wire.Bite{
		Hits: held, Seen: held,
		Detail: fmt.Sprintf("held %d times; goroutines of the process waited %.1f ms for locks", held, waited),
	}
}

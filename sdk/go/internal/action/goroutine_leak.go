package action

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// goroutinesMax keeps a leak from being a memory fault: a parked goroutine has about 2.6 KiB.
const goroutinesMax = 200_000

// goroutineBytes is what the guard counts for each.
const goroutineBytes = 4 << 10

// stacksMany is from how many goroutines on their stacks are worth a collection: some MiB.
const stacksMany = 1000

var goroutineLeakKeys = []string{"count", "rate"}

type leak struct {
	*crew
	asked  int
	parked atomic.Int64
}

// goroutineLeak parks goroutines until it is undone: all at once, or so many a second.
func goroutineLeak(_ context.Context, env *Env, p value.Params, dry bool) (running, error) {
	count, err := p.Count("count", 1000, 1, goroutinesMax)
	if err != nil {
		return nil, err
	}
	rate, err := p.Count("rate", 0, 0, goroutinesMax)
	if err != nil {
		return nil, err
	}
	if err := env.Guard.Allows(uint64(count) * goroutineBytes); err != nil || dry {
		return nil, err
	}
	own := &leak{crew: newCrew(), asked: count}
	park := func() {
		own.parked.Add(1)
		defer own.parked.Add(-1)
		<-own.quit
	}
	if rate == 0 {
		for range count {
			own.start(park)
		}
		return own, nil
	}
	own.start(func() {
		begin := time.Now()
		for started := 0; started < count; {
			for due := min(count, int(time.Since(begin).Seconds()*float64(rate))); started < due; started++ {
				own.start(park)
			}
			if !own.pause(max(time.Second/time.Duration(rate), time.Millisecond)) {
				return
			}
		}
	})
	return own, nil
}

func (l *leak) stop() error {
	err := l.dismiss()
	if l.asked >= stacksMany {
		// Stacks go back to a cache of the runtime; without this the process stays large.
		debug.FreeOSMemory()
	}
	return err
}

func (l *leak) measure() wire.Bite {
	parked, asked := float64(l.parked.Load()), float64(l.asked)
	return wire.Bite{
		Hits: uint64(parked), Seen: uint64(parked), Asked: &asked, Delivered: &parked,
		Detail: fmt.Sprintf("%.0f of %d goroutines parked", parked, l.asked),
	}
}

package action

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

var cpuBurrKeys = []string{"intensity", "duration", "period", "cores"}

// burnSlice is how long a thread burns before it looks at its own clock again.
const burnSlice = 200 * time.Microsecond

type burning struct {
	*crew
	intensity             float64
	askedNs, gotNs, bumps atomic.Int64
}

// cpuBurr burns a share of some cores for a while, again and again, by busy loops that yield. Each
// is fed back on its own thread's CPU clock, and what it got is reported, never what was asked.
func cpuBurr(_ context.Context, _ *Env, p value.Params, dry bool) (running, error) {
	intensity, err := p.Share("intensity", 0.8)
	if err != nil {
		return nil, err
	}
	duration, err := p.Duration("duration", 100*time.Millisecond, time.Minute)
	if err != nil {
		return nil, err
	}
	period, err := p.Duration("period", time.Second, 10*time.Minute)
	if err != nil {
		return nil, err
	}
	cores, err := p.Count("cores", 1, 1, runtime.NumCPU())
	if err != nil {
		return nil, err
	}
	if duration < time.Millisecond || period < duration || intensity == 0 {
		return nil, &value.Error{Key: "duration", Text: duration.String(), Want: "from 1ms to the period, with an intensity above 0%"}
	}
	if dry {
		return nil, nil
	}
	own := &burning{crew: newCrew(), intensity: intensity}
	for range cores {
		own.start(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for {
				own.bump(duration)
				if !own.pause(period - duration) {
					return
				}
			}
		})
	}
	return own, nil
}

// bump burns for one duration.
func (b *burning) bump(duration time.Duration) {
	begin, used := time.Now(), threadCPU()
	for b.pause(0) {
		passed := time.Since(begin)
		if passed >= duration {
			break
		}
		got := threadCPU() - used
		if got >= time.Duration(float64(passed)*b.intensity) {
			time.Sleep(min(burnSlice, duration-passed))
			continue
		}
		for slice := time.Now(); time.Since(slice) < burnSlice; {
		}
		// Lets goroutines that wait for this P run.
		runtime.Gosched()
	}
	b.askedNs.Add(int64(float64(time.Since(begin)) * b.intensity))
	b.gotNs.Add(int64(threadCPU() - used))
	b.bumps.Add(1)
}

func (b *burning) stop() error { return b.dismiss() }

func (b *burning) measure() wire.Bite {
	bumps := uint64(b.bumps.Load())
	bite := wire.Bite{Hits: bumps, Seen: bumps, Detail: "the first burr is not over yet"}
	if asked := b.askedNs.Load(); asked > 0 {
		want := b.intensity * 100
		got := float64(b.gotNs.Load()) / float64(asked) * want
		bite.Asked, bite.Delivered = &want, &got
		bite.Detail = fmt.Sprintf("%d burrs at %.0f %% of a core, %.0f %% asked", bumps, got, want)
	}
	return bite
}

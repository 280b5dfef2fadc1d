package action

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/meter"
	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

const (
	gcBlock = 64 << 10
	// gcRateMax is beyond what one core can allocate.
	gcRateMax = 16 << 30
	gcTick    = 5 * time.Millisecond

	gcCycles = "/gc/cycles/total:gc-cycles"
	gcAssist = "/cpu/classes/gc/mark/assist:cpu-seconds"
	gcCPU    = "/cpu/classes/gc/total:cpu-seconds"
	gcPauses = "/sched/pauses/total/gc:seconds"
)

var gcPressureKeys = []string{"rate"}

type pressing struct {
	*crew
	begin       time.Time
	rate        uint64
	allocated   atomic.Uint64
	sink        atomic.Pointer[[]byte]
	cycles      uint64
	assist, cpu float64
	pauses      []uint64
}

// gcPressure allocates so many bytes a second and drops them at once: more cycles, more marking,
// and goroutines that have to help with it. Today's pauses stay far below a millisecond while
// the process has its CPU; what is measured is reported, not what older texts promise.
func gcPressure(_ context.Context, _ *Env, p value.Params, dry bool) (running, error) {
	// Written as a rate, 256MiB/s, like everything else that is one.
	if text, ok := p["rate"]; ok {
		p = value.Params{"rate": strings.TrimSuffix(text, "/s")}
	}
	rate, err := p.Bytes("rate", 256<<20, gcRateMax)
	if err != nil {
		return nil, err
	}
	if rate < 1<<20 {
		return nil, &value.Error{Key: "rate", Text: p["rate"], Want: "at least 1MiB (a second)"}
	}
	if dry {
		return nil, nil
	}
	_, pauses := meter.Longest(gcPauses, nil)
	own := &pressing{
		crew: newCrew(), begin: time.Now(), rate: rate, pauses: pauses,
		cycles: meter.Uint(gcCycles), assist: meter.Float(gcAssist), cpu: meter.Float(gcCPU),
	}
	own.start(func() {
		for own.pause(gcTick) {
			due := uint64(time.Since(own.begin).Seconds() * float64(rate))
			// What could not be allocated in time is not made up for in one burst.
			for n := 0; own.allocated.Load() < due && n < int(rate/10/gcBlock)+1; n++ {
				block := make([]byte, gcBlock)
				own.sink.Store(&block)
				own.allocated.Add(gcBlock)
			}
		}
		own.sink.Store(nil)
	})
	return own, nil
}

func (g *pressing) stop() error { return g.dismiss() }

func (g *pressing) measure() wire.Bite {
	seconds := max(time.Since(g.begin).Seconds(), 1e-9)
	asked := float64(g.rate) / (1 << 20)
	got := float64(g.allocated.Load()) / (1 << 20) / seconds
	cycles := meter.Uint(gcCycles) - g.cycles
	longest, _ := meter.Longest(gcPauses, g.pauses)
	return wire.Bite{
		Hits: cycles, Seen: cycles, Asked: &asked, Delivered: &got,
		Detail: fmt.Sprintf("%.0f MiB/s allocated, %d collections, longest pause at most %.3f ms, "+
			"%.1f ms of CPU for collecting, %.1f ms of it by goroutines that had to help",
			got, cycles, longest*1e3, (meter.Float(gcCPU)-g.cpu)*1e3, (meter.Float(gcAssist)-g.assist)*1e3),
	}
}

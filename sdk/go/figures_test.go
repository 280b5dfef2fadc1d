package squall

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/hooktest"
	"github.com/squall-dev/squall/sdk/go/internal/action"
	"github.com/squall-dev/squall/sdk/go/internal/clock"
	"github.com/squall-dev/squall/sdk/go/internal/lease"
	"github.com/squall-dev/squall/sdk/go/internal/life"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// BenchmarkDelay reports how far a delay of 10 ms is off, at the 99th percentile.
func BenchmarkDelay(b *testing.B) {
	asked := 10 * time.Millisecond
	hooktest.Arm(b, &hook.Rule{Site: &hook.HTTPServer, Effect: hook.Effect{Delay: asked}})
	var off []time.Duration
	for b.Loop() {
		hit := hook.HTTPServer.Armed().Pick(hook.Request{})
		begin := time.Now()
		if err := hit.Hold(context.Background()); err != nil {
			b.Fatal(err)
		}
		off = append(off, time.Since(begin)-asked)
		hit.End()
	}
	slices.Sort(off)
	b.ReportMetric(off[len(off)*99/100].Seconds()*1e3, "p99-error-ms")
}

// BenchmarkBurr reports what a burr of 50 % got.
func BenchmarkBurr(b *testing.B) {
	for _, asked := range []string{"30", "50", "80"} {
		b.Run(asked, func(b *testing.B) {
			var burr *action.Action
			for _, one := range action.All(&action.Env{}) {
				if one.Name() == "go.cpu-burr" {
					burr = one
				}
			}
			got := 0.0
			for b.Loop() {
				ctx := lease.With(context.Background(), lease.New(clock.Real{}, time.Minute, time.Minute))
				undo, err := burr.Exec(ctx, "u", map[string]string{"intensity": asked + "%", "duration": "500ms", "period": "500ms"})
				if err != nil {
					b.Fatal(err)
				}
				time.Sleep(time.Second)
				bite := burr.Measure("u")
				if err := undo(); err != nil || bite.Delivered == nil {
					b.Fatal(err, bite)
				}
				got += *bite.Delivered
			}
			b.ReportMetric(got/float64(b.N), "share-got")
		})
	}
}

// BenchmarkLeaseLoss reports how long after the end of a lease that nobody renews the fault is
// undone.
func BenchmarkLeaseLoss(b *testing.B) {
	undone := make(chan time.Time, 1)
	probe := ends{undone}
	own := life.New(clock.Real{}, time.Minute, func(string) (life.Probe, bool) { return probe, true }, nil)
	var late []time.Duration
	for n := 0; b.Loop(); n++ {
		begin := time.Now()
		if err := own.Arm(&wire.Arm{ID: strconv.Itoa(n), Probe: "x", LeaseMs: 20}); err != nil {
			b.Fatal(err)
		}
		late = append(late, (<-undone).Sub(begin)-20*time.Millisecond)
	}
	slices.Sort(late)
	b.ReportMetric(late[len(late)-1].Seconds()*1e3, "max-late-ms")
}

type ends struct{ at chan time.Time }

func (ends) Name() string { return "x" }
func (e ends) Exec(context.Context, string, map[string]string) (func() error, error) {
	return func() error { e.at <- time.Now(); return nil }, nil
}

// TestAThousandRoundsOfArmingLeaveTheProcessAsItWas arms and recovers faults that take
// goroutines and heap.
func TestAThousandRoundsOfArmingLeaveTheProcessAsItWas(t *testing.T) {
	all := map[string]life.Probe{}
	for _, one := range action.All(&action.Env{}) {
		all[one.Name()] = one
	}
	own := life.New(clock.Real{}, time.Minute, func(name string) (life.Probe, bool) { p, ok := all[name]; return p, ok }, nil)
	var first, last wire.Vitals
	for n := range 1000 {
		id := strconv.Itoa(n)
		arm := &wire.Arm{ID: id, Probe: "go.goroutine-leak", Params: map[string]string{"count": "20"}, LeaseMs: 60_000}
		if n%100 == 0 {
			arm.Probe, arm.Params = "go.memory-grow", map[string]string{"size": "8MiB"}
		}
		if err := own.Arm(arm); err != nil {
			t.Fatal(err)
		}
		_, recovered, err := own.Disarm(id)
		if err != nil || len(recovered.Residue) != 0 {
			t.Fatalf("%d: %+v, %v", n, recovered, err)
		}
		if n == 0 {
			first = recovered.Before
		}
		last = recovered.After
	}
	if last.Goroutines > first.Goroutines+5 || last.HeapBytes > first.HeapBytes+4<<20 || last.Descriptors > first.Descriptors+2 {
		t.Errorf("before %+v, after 1,000 rounds %+v", first, last)
	}
}

package life

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/clock"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// probe is a fault that a test watches.
type probe struct {
	exec    func(ctx context.Context) error
	undo    func() error
	check   func(params map[string]string) error
	on      atomic.Int64
	count   atomic.Int64
	residue []string
}

func (p *probe) Name() string { return "test" }

func (p *probe) Validate(params map[string]string) error {
	if p.check == nil {
		return nil
	}
	return p.check(params)
}

func (p *probe) Exec(ctx context.Context, _ string, _ map[string]string) (func() error, error) {
	if p.exec != nil {
		if err := p.exec(ctx); err != nil {
			return nil, err
		}
	}
	p.on.Add(1)
	p.count.Add(1)
	return func() error {
		p.on.Add(-1)
		if p.undo != nil {
			return p.undo()
		}
		return nil
	}, nil
}

func (p *probe) Residue(string) []string { return p.residue }

type world struct {
	*Life
	clock *clock.Manual
	probe *probe
	mu    sync.Mutex
	ends  []wire.Event
}

func newWorld(p *probe) *world {
	w := &world{clock: &clock.Manual{}, probe: p}
	find := func(name string) (Probe, bool) { return p, name == "test" }
	w.Life = New(w.clock, time.Minute, find, func(event wire.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ends = append(w.ends, event)
	})
	return w
}

func (w *world) arm(t *testing.T, id string) {
	t.Helper()
	if err := w.Arm(&wire.Arm{ID: id, Probe: "test", LeaseMs: 5000}); err != nil {
		t.Fatal(err)
	}
}

func TestAFaultEndsByDisarmLeaseCapAndClosedSocketOnce(t *testing.T) {
	w := newWorld(&probe{})
	w.arm(t, "a")
	if _, recovered, err := w.Disarm("a"); err != nil || len(recovered.Residue) != 0 {
		t.Fatalf("%v, %v", recovered, err)
	}
	if _, _, err := w.Disarm("a"); err == nil {
		t.Error("disarmed twice")
	}
	w.arm(t, "b")
	w.clock.Advance(5 * time.Second)
	w.arm(t, "c")
	for range 20 {
		if err := w.Renew(&wire.Renew{ID: "c", LeaseMs: 5000}); err != nil {
			break
		}
		w.clock.Advance(4 * time.Second)
	}
	w.arm(t, "d")
	w.EndAll(WhyClosed)
	w.EndAll(WhyClosed)
	var ends []string
	for _, event := range w.ends {
		ends = append(ends, event.ID+" "+event.Why)
	}
	if want := []string{"b lease", "c cap", "d closed"}; !slices.Equal(ends, want) {
		t.Errorf("%v", ends)
	}
	if on := w.probe.on.Load(); on != 0 || len(w.Armed()) != 0 {
		t.Errorf("%d still on, armed %v", on, w.Armed())
	}
}

func TestARenewedLeaseGoesOn(t *testing.T) {
	w := newWorld(&probe{})
	w.arm(t, "a")
	w.clock.Advance(4 * time.Second)
	if err := w.Renew(&wire.Renew{ID: "a", LeaseMs: 5000}); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(4 * time.Second)
	if w.probe.on.Load() != 1 {
		t.Fatal("ended at its first deadline")
	}
	w.clock.Advance(time.Second)
	if w.probe.on.Load() != 0 {
		t.Error("outlived its lease")
	}
	if err := w.Renew(&wire.Renew{ID: "a", LeaseMs: 5000}); err == nil {
		t.Error("renewed after its end")
	}
}

func TestWhatCannotBeArmedLeavesNothing(t *testing.T) {
	refused := errors.New("refused")
	for name, check := range map[string]struct {
		probe *probe
		arm   wire.Arm
		says  string
	}{
		"unknown":    {&probe{}, wire.Arm{ID: "a", Probe: "other", LeaseMs: 1}, "no probe"},
		"no lease":   {&probe{}, wire.Arm{ID: "a", Probe: "test"}, "lease"},
		"error":      {&probe{exec: func(context.Context) error { return refused }}, wire.Arm{ID: "a", Probe: "test", LeaseMs: 1}, "refused"},
		"bad values": {&probe{check: func(map[string]string) error { return refused }}, wire.Arm{ID: "a", Probe: "test", LeaseMs: 1}, "refused"},
		"panic":      {&probe{exec: func(context.Context) error { panic("boom") }}, wire.Arm{ID: "a", Probe: "test", LeaseMs: 1}, "panicked: boom"},
		"both blocks": {&probe{}, wire.Arm{ID: "a", Probe: "test", LeaseMs: 1,
			Params: map[string]string{"x": "1"}, Filters: map[string]string{"x": "2"}}, "both"},
	} {
		w := newWorld(check.probe)
		err := w.Arm(&check.arm)
		if err == nil || !strings.Contains(err.Error(), check.says) {
			t.Errorf("%s: %v", name, err)
		}
		if len(w.Armed()) != 0 || w.probe.on.Load() != 0 {
			t.Errorf("%s: something is armed", name)
		}
	}
}

func TestTheSameIdAndTooManyAreRefused(t *testing.T) {
	w := newWorld(&probe{})
	w.arm(t, "a")
	if err := w.Arm(&wire.Arm{ID: "a", Probe: "test", LeaseMs: 1}); err == nil {
		t.Error("armed twice")
	}
	for i := range ArmedMax - 1 {
		w.arm(t, strings.Repeat("x", i+1))
	}
	if err := w.Arm(&wire.Arm{ID: "one more", Probe: "test", LeaseMs: 1}); err == nil {
		t.Error("beyond the limit")
	}
	w.EndAll(WhySignal)
	if w.probe.on.Load() != 0 {
		t.Error("something stayed")
	}
}

func TestAnUndoThatFailsOrThrowsIsResidue(t *testing.T) {
	for says, undo := range map[string]func() error{
		"still here": func() error { return errors.New("still here") },
		"panicked":   func() error { panic("boom") },
	} {
		w := newWorld(&probe{undo: undo, residue: []string{"own"}})
		w.arm(t, "a")
		_, recovered, err := w.Disarm("a")
		if err != nil || len(recovered.Residue) != 2 || !strings.Contains(recovered.Residue[0], says) {
			t.Errorf("%s: %+v, %v", says, recovered, err)
		}
	}
}

func TestAProbeThatNeverReturnsIsGivenUpAndUndoneShouldItReturn(t *testing.T) {
	goOn := make(chan struct{})
	p := &probe{exec: func(ctx context.Context) error {
		<-ctx.Done()
		<-goOn
		return nil
	}}
	w := newWorld(p)
	w.step = 10 * time.Millisecond
	err := w.Arm(&wire.Arm{ID: "a", Probe: "test", LeaseMs: 5000})
	if err == nil || !strings.Contains(err.Error(), "has not returned") || len(w.Armed()) != 0 {
		t.Fatalf("%v, armed %v", err, w.Armed())
	}
	close(goOn)
	for end := time.Now().Add(20 * time.Second); p.count.Load() == 0 || p.on.Load() != 0; {
		if time.Now().After(end) {
			t.Fatalf("begun %d times, %d still on", p.count.Load(), p.on.Load())
		}
	}
}

func TestAnUndoThatNeverReturnsIsResidue(t *testing.T) {
	w := newWorld(&probe{undo: func() error { select {} }})
	w.step = 10 * time.Millisecond
	w.arm(t, "a")
	_, recovered, err := w.Disarm("a")
	if err != nil || len(recovered.Residue) != 1 || !strings.Contains(recovered.Residue[0], "has not returned") {
		t.Errorf("%+v, %v", recovered, err)
	}
}

func TestAFaultThatIsEndedWhileItBeginsIsUndone(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	p := &probe{exec: func(ctx context.Context) error {
		close(begun)
		<-goOn
		return nil
	}}
	w := newWorld(p)
	failed := make(chan error)
	go func() { failed <- w.Arm(&wire.Arm{ID: "a", Probe: "test", LeaseMs: 5000}) }()
	<-begun
	ended := make(chan struct{})
	go func() { w.EndAll(WhyClosed); close(ended) }()
	// EndAll marks it as ending before it waits.
	for len(w.Armed()) > 0 && !w.isEnding("a") {
	}
	close(goOn)
	if err := <-failed; err == nil {
		t.Error("armed after all")
	}
	<-ended
	deadline := time.Now().Add(10 * time.Second)
	for p.on.Load() != 0 && time.Now().Before(deadline) {
	}
	if p.on.Load() != 0 || len(w.Armed()) != 0 {
		t.Error("it stayed")
	}
}

func (l *Life) isEnding(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	own, ok := l.armed[id]
	return ok && own.ending
}

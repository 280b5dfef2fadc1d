// Package life carries every fault of a process through the same life: load, validate, execute,
// monitor, recover. It owns what is armed; it knows neither sockets nor what a fault does.
package life

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/clock"
	"github.com/squall-dev/squall/sdk/go/internal/lease"
	"github.com/squall-dev/squall/sdk/go/internal/meter"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

const (
	// ArmedMax is how many faults a process has at once; a run needs a handful.
	ArmedMax = 64
	// StepMax is how long a step of a probe may take before the fault is given up.
	StepMax = 5 * time.Second
)

// Probe is a fault.
type Probe interface {
	Name() string
	Exec(ctx context.Context, uid string, params map[string]string) (undo func() error, err error)
}

// What a probe may have besides.
type (
	// Loader prepares a probe before its first use.
	Loader interface {
		Load(ctx context.Context) error
	}
	// Validator checks values before anything is done.
	Validator interface {
		Validate(params map[string]string) error
	}
	// Monitor measures the effect of one use while it lasts.
	Monitor interface{ Measure(uid string) wire.Bite }
	// Verifier tells what of one use is still there after its undo.
	Verifier interface{ Residue(uid string) []string }
)

// Why a fault ended.
const (
	WhyDisarm = "disarm"
	WhyLease  = "lease"
	WhyCap    = "cap"
	WhyClosed = "closed"
	WhySignal = "signal"
)

// Life is everything that is armed in a process.
type Life struct {
	clock clock.Clock
	cap   time.Duration
	// step is how long a probe may take to begin, or to be undone.
	step time.Duration
	// find looks a probe up by its name.
	find func(name string) (Probe, bool)
	// ended is told of every end that the agent did not ask for.
	ended func(wire.Event)

	mu    sync.Mutex
	armed map[string]*armed
}

type armed struct {
	probe  Probe
	lease  *lease.Lease
	cancel context.CancelFunc
	undo   func() error
	before wire.Vitals
	stop   func()
	// ending is closed by the first who ends it, gone once it is undone.
	ending bool
	gone   chan struct{}
}

// New returns a life without faults. No fault lives longer than cap, whatever the agent says.
func New(c clock.Clock, cap time.Duration, find func(string) (Probe, bool), ended func(wire.Event)) *Life {
	return &Life{clock: c, cap: cap, step: StepMax, find: find, ended: ended, armed: map[string]*armed{}}
}

// Arm starts a fault.
func (l *Life) Arm(arm *wire.Arm) error {
	probe, ok := l.find(arm.Probe)
	if !ok {
		return fmt.Errorf("no probe %q is registered here", arm.Probe)
	}
	params, err := merge(arm)
	if err != nil {
		return err
	}
	term := time.Duration(arm.LeaseMs) * time.Millisecond
	if term <= 0 {
		return errors.New("a lease is longer than 0 ms")
	}
	own := &armed{probe: probe, lease: lease.New(l.clock, term, l.cap), gone: make(chan struct{})}
	var ctx context.Context
	ctx, own.cancel = context.WithCancel(lease.With(context.Background(), own.lease))
	if err := l.reserve(arm.ID, own); err != nil {
		own.cancel()
		return err
	}
	own.before = meter.Vitals()
	undo, err := l.begin(ctx, probe, arm.ID, params)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && own.ending {
		// The lease was over, or the agent gone, before it had begun.
		err = errors.New("it was ended before it had begun")
		go l.guarded(undo)
	}
	if err != nil {
		delete(l.armed, arm.ID)
		own.cancel()
		close(own.gone)
		return err
	}
	own.undo = undo
	own.stop = l.clock.AfterFunc(own.lease.Left(), func() { l.due(arm.ID, own) })
	return nil
}

func (l *Life) reserve(id string, own *armed) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.armed[id]; there {
		return fmt.Errorf("%q is armed already", id)
	}
	if len(l.armed) >= ArmedMax {
		return fmt.Errorf("%d faults are armed here, which is the limit", ArmedMax)
	}
	l.armed[id] = own
	return nil
}

// merge puts both blocks into the one map that probes take.
func merge(arm *wire.Arm) (map[string]string, error) {
	params := make(map[string]string, len(arm.Params)+len(arm.Filters))
	maps.Copy(params, arm.Params)
	for key, value := range arm.Filters {
		if _, there := params[key]; there {
			return nil, fmt.Errorf("%s stands both in with and in where", key)
		}
		params[key] = value
	}
	return params, nil
}

// begin takes a probe through its first steps, within its time and whatever it throws.
func (l *Life) begin(ctx context.Context, probe Probe, uid string, params map[string]string) (func() error, error) {
	type outcome struct {
		undo func() error
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		var out outcome
		defer func() {
			if thrown := recover(); thrown != nil {
				out = outcome{err: fmt.Errorf("the probe panicked: %v\n%s", thrown, debug.Stack())}
			}
			done <- out
		}()
		if loader, ok := probe.(Loader); ok {
			if out.err = loader.Load(ctx); out.err != nil {
				return
			}
		}
		if validator, ok := probe.(Validator); ok {
			if out.err = validator.Validate(params); out.err != nil {
				return
			}
		}
		out.undo, out.err = probe.Exec(ctx, uid, params)
	}()
	timer := time.NewTimer(l.step)
	defer timer.Stop()
	select {
	case out := <-done:
		return out.undo, out.err
	case <-timer.C:
		// Should it return after all, what it did is undone at once.
		go func() {
			if out := <-done; out.err == nil {
				l.guarded(out.undo)
			}
		}()
		return nil, fmt.Errorf("the probe has not returned after %s; its context was canceled", l.step)
	}
}

// Renew moves the end of a lease.
func (l *Life) Renew(renew *wire.Renew) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	own, ok := l.armed[renew.ID]
	if !ok || own.ending || !own.lease.Renew(time.Duration(renew.LeaseMs)*time.Millisecond) {
		return fmt.Errorf("%q is not armed here", renew.ID)
	}
	return nil
}

// due looks whether a lease is really over; it may have been renewed since.
func (l *Life) due(id string, own *armed) {
	l.mu.Lock()
	if left := own.lease.Left(); left > 0 {
		if !own.ending {
			own.stop = l.clock.AfterFunc(left, func() { l.due(id, own) })
		}
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	why := WhyLease
	if own.lease.IsCapped() {
		why = WhyCap
	}
	l.endOwn(id, own, why)
}

// Measure is what a fault shows of its effect.
func (l *Life) Measure(id string) (*wire.Bite, error) {
	l.mu.Lock()
	own, ok := l.armed[id]
	l.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("%q is not armed here", id)
	}
	return measure(own.probe, id), nil
}

func measure(probe Probe, id string) *wire.Bite {
	monitor, ok := probe.(Monitor)
	if !ok {
		// Its Exec returned without an error; that is all that is known.
		return &wire.Bite{Hits: 1, Seen: 1, Detail: "in place; this probe does not measure its effect"}
	}
	bite := monitor.Measure(id)
	return &bite
}

// Disarm ends a fault and compares the process with what it was before.
func (l *Life) Disarm(id string) (*wire.Bite, *wire.Recovered, error) {
	l.mu.Lock()
	own, ok := l.armed[id]
	l.mu.Unlock()
	if !ok {
		return nil, nil, fmt.Errorf("%q is not armed here", id)
	}
	bite, recovered := l.recover(id, own)
	return bite, recovered, nil
}

// endOwn ends a fault without the agent's asking, and says so.
func (l *Life) endOwn(id string, own *armed, why string) {
	if bite, recovered := l.recover(id, own); recovered != nil && l.ended != nil {
		l.ended(wire.Event{ID: id, Why: why, Bite: bite, Recovered: recovered})
	}
}

// EndAll ends everything and returns once it is undone.
func (l *Life) EndAll(why string) {
	l.mu.Lock()
	all := maps.Clone(l.armed)
	l.mu.Unlock()
	var wait sync.WaitGroup
	for id, own := range all {
		wait.Go(func() {
			l.endOwn(id, own, why)
			<-own.gone
		})
	}
	wait.Wait()
}

// Armed are the ids of what is armed.
func (l *Life) Armed() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for id := range l.armed {
		ids = append(ids, id)
	}
	return ids
}

// recover undoes a fault once, whoever comes first; the others get nothing.
func (l *Life) recover(id string, own *armed) (*wire.Bite, *wire.Recovered) {
	l.mu.Lock()
	if own.ending {
		l.mu.Unlock()
		return nil, nil
	}
	own.ending = true
	own.lease.End()
	undo, stop := own.undo, own.stop
	if undo == nil && stop == nil {
		// Still beginning: the beginner sees that it has ended.
		l.mu.Unlock()
		own.cancel()
		return nil, nil
	}
	l.mu.Unlock()
	stop()
	bite := measure(own.probe, id)
	own.cancel()
	residue := l.guarded(undo)
	if verifier, ok := own.probe.(Verifier); ok {
		residue = append(residue, verifier.Residue(id)...)
	}
	recovered := &wire.Recovered{Before: own.before, After: meter.Vitals(), Residue: residue}
	if recovered.Residue == nil {
		recovered.Residue = []string{}
	}
	l.mu.Lock()
	delete(l.armed, id)
	l.mu.Unlock()
	close(own.gone)
	return bite, recovered
}

// guarded runs an undo within its time, whatever it throws; what it says is residue.
func (l *Life) guarded(undo func() error) []string {
	if undo == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			if thrown := recover(); thrown != nil {
				err = fmt.Errorf("the undo panicked: %v", thrown)
			}
			done <- err
		}()
		err = undo()
	}()
	timer := time.NewTimer(l.step)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return []string{err.Error()}
		}
		return nil
	case <-timer.C:
		return []string{fmt.Sprintf("the undo has not returned after %s", l.step)}
	}
}

package squall

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/squall-dev/squall/sdk/go/internal/life"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// Probe is a fault that a process brings along. It lives the life of Squall's own: load,
// validate, execute, monitor, and recover when it is disarmed or its lease ends.
//
// A probe may also have Load(context.Context) error, called before each use;
// Validate(map[string]string) error, called before anything is done; and a [Monitor].
type Probe interface {
	// Name is what experiments call it. Names that begin with "go." are Squall's.
	Name() string
	// Exec begins the fault and returns at once; uid is this use of it. The context ends with
	// the fault. What undo returns is reported as what could not be undone.
	Exec(ctx context.Context, uid string, params map[string]string) (undo func() error, err error)
}

// Monitor is a probe that measures its effect. A fault that hurts nothing makes a run invalid, so
// a probe should have it; one that has none counts as in place.
type Monitor interface {
	// Measure is what one use has done so far.
	Measure(uid string) Measure
}

// Measure is what a fault shows of its own effect.
type Measure struct {
	// Hits is how often it hurt, Seen how often it could have.
	Hits, Seen uint64
	// Asked and Delivered are the dose in the fault's own unit; nil where it has none.
	Asked, Delivered *float64
	// Detail is one line for a person.
	Detail string
}

// ErrTaken is a name that another probe has.
var ErrTaken = errors.New("the name is taken")

// probes are all that can be armed.
type probes struct {
	mu    sync.Mutex
	known map[string]life.Probe
}

func (p *probes) add(name string, probe life.Probe) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, taken := p.known[name]; taken {
		return fmt.Errorf("register probe %q: %w", name, ErrTaken)
	}
	if p.known == nil {
		p.known = map[string]life.Probe{}
	}
	p.known[name] = probe
	return nil
}

func (p *probes) find(name string) (life.Probe, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	probe, ok := p.known[name]
	return probe, ok
}

func (p *probes) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.known))
}

// measured is a person's probe that measures itself, with its result in the form of the wire.
type measured struct {
	Probe
	monitor Monitor
}

func (m measured) Measure(uid string) wire.Bite {
	got := m.monitor.Measure(uid)
	return wire.Bite{
		Hits: got.Hits, Seen: got.Seen, Asked: got.Asked, Delivered: got.Delivered, Detail: got.Detail,
	}
}

func (m measured) Validate(params map[string]string) error {
	if validator, ok := m.Probe.(life.Validator); ok {
		return validator.Validate(params)
	}
	return nil
}

func (m measured) Load(ctx context.Context) error {
	if loader, ok := m.Probe.(life.Loader); ok {
		return loader.Load(ctx)
	}
	return nil
}

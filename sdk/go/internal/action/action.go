// Package action holds Squall's own in-process faults, one file an action. Each is a probe like
// a person's own and lives the same life.
package action

import (
	"context"
	"database/sql"
	"maps"
	"sync"

	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// Env is what actions know of the process.
type Env struct {
	// Service is the name that the process registered under.
	Service string
	// Guard keeps actions from taking more memory than the process has.
	Guard Guard
	// Locks are mutexes that the process lets faults hold, by name.
	Locks *Named[sync.Locker]
	// Pools are database pools that the process lets faults starve, by name.
	Pools *Named[*sql.DB]
}

// Named are things that a process has registered, by name.
type Named[T any] struct {
	mu    sync.Mutex
	known map[string]T
}

// Add registers a thing; false where the name is taken.
func (n *Named[T]) Add(name string, thing T) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.known[name]; taken {
		return false
	}
	if n.known == nil {
		n.known = map[string]T{}
	}
	n.known[name] = thing
	return true
}

// Find looks a thing up.
func (n *Named[T]) Find(name string) (T, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	thing, ok := n.known[name]
	return thing, ok
}

// running is one use of an action.
type running interface {
	// stop ends it and waits until it has ended.
	stop() error
	// measure is what it shows of its effect.
	measure() wire.Bite
	// alive is how much of its own is still there, in words; empty when nothing is.
	alive() string
}

// start checks the values of an action and, with dry unset, begins it.
type start func(ctx context.Context, env *Env, params value.Params, dry bool) (running, error)

// Action is one of Squall's own probes.
type Action struct {
	name string
	env  *Env
	keys []string
	run  start

	mu   sync.Mutex
	uses map[string]running
}

// All returns every action, sorted by name.
func All(env *Env) []*Action {
	return []*Action{
		{name: "go.chan-block", env: env, keys: chanBlockKeys, run: chanBlock},
		{name: "go.context-shrink", env: env, keys: requestKeys("deadline", "side"), run: contextShrink},
		{name: "go.cpu-burr", env: env, keys: cpuBurrKeys, run: cpuBurr},
		{name: "go.gc-pressure", env: env, keys: gcPressureKeys, run: gcPressure},
		{name: "go.goroutine-leak", env: env, keys: goroutineLeakKeys, run: goroutineLeak},
		{name: "go.grpc-delay", env: env, keys: requestKeys("mean", "jitter", "side"), run: grpcDelay},
		{name: "go.grpc-status", env: env, keys: requestKeys("code", "message", "details", "side"), run: grpcStatus},
		{name: "go.http-delay", env: env, keys: requestKeys("mean", "jitter", "side"), run: httpDelay},
		{name: "go.http-error", env: env, keys: requestKeys("status", "body", "fail", "side"), run: httpError},
		{name: "go.memory-grow", env: env, keys: memoryGrowKeys, run: memoryGrow},
		{name: "go.mutex-hold", env: env, keys: mutexHoldKeys, run: mutexHold},
		{name: "go.panic", env: env, keys: requestKeys("message", "recovered"), run: panics},
		{name: "go.pool-starve", env: env, keys: poolStarveKeys, run: poolStarve},
	}
}

// Name implements life.Probe.
func (a *Action) Name() string { return a.name }

// Validate implements life.Validator.
func (a *Action) Validate(params map[string]string) error {
	if err := value.Params(params).Known(a.keys...); err != nil {
		return err
	}
	_, err := a.run(context.Background(), a.env, params, true)
	return err
}

// Exec implements life.Probe.
func (a *Action) Exec(ctx context.Context, uid string, params map[string]string) (func() error, error) {
	told := value.Params{faultKey: a.name, useKey: uid}
	maps.Copy(told, params)
	use, err := a.run(ctx, a.env, told, false)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.uses == nil {
		a.uses = map[string]running{}
	}
	a.uses[uid] = use
	return use.stop, nil
}

// Measure implements life.Monitor.
func (a *Action) Measure(uid string) wire.Bite {
	a.mu.Lock()
	use := a.uses[uid]
	a.mu.Unlock()
	if use == nil {
		return wire.Bite{Detail: "not in place"}
	}
	return use.measure()
}

// Residue implements life.Verifier; a use without residue is forgotten.
func (a *Action) Residue(uid string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	use := a.uses[uid]
	if use == nil {
		return nil
	}
	if left := use.alive(); left != "" {
		return []string{left}
	}
	delete(a.uses, uid)
	return nil
}

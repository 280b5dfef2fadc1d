package action

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/internal/clock"
	"github.com/squall-dev/squall/sdk/go/internal/lease"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// patience is how long an effect may take to show on a busy machine.
const patience = 20 * time.Second

func env() *Env {
	return &Env{Service: "order", Locks: &Named[sync.Locker]{}, Pools: &Named[*sql.DB]{}}
}

func find(t *testing.T, e *Env, name string) *Action {
	t.Helper()
	for _, action := range All(e) {
		if action.Name() == name {
			return action
		}
	}
	t.Fatalf("no %s", name)
	return nil
}

func leased(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(lease.With(context.Background(), lease.New(clock.Real{}, time.Minute, time.Hour)))
	t.Cleanup(cancel)
	return ctx
}

// use begins an action, waits until it bites, ends it, and looks that nothing of it is left.
func use(t *testing.T, e *Env, name string, params map[string]string, bites func(wire.Bite) bool) wire.Bite {
	t.Helper()
	action := find(t, e, name)
	if err := action.Validate(params); err != nil {
		t.Fatal(err)
	}
	undo, err := action.Exec(leased(t), "u", params)
	if err != nil {
		t.Fatal(err)
	}
	bite := action.Measure("u")
	for end := time.Now().Add(patience); !bites(bite) && time.Now().Before(end); bite = action.Measure("u") {
		runtime.Gosched()
	}
	if !bites(bite) {
		t.Errorf("%s does not bite: %s", name, bite.Detail)
	}
	if err := undo(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if left := action.Residue("u"); left != nil {
		t.Errorf("%s leaves %v", name, left)
	}
	if again := action.Measure("u"); again.Hits != 0 {
		t.Errorf("%s is not forgotten", name)
	}
	return bite
}

func full(bite wire.Bite) bool { return bite.Asked != nil && *bite.Delivered >= *bite.Asked }

func TestGoroutinesAreParkedAtOnceOrByAndByAndLeave(t *testing.T) {
	before := runtime.NumGoroutine()
	use(t, env(), "go.goroutine-leak", map[string]string{"count": "2000"}, full)
	use(t, env(), "go.goroutine-leak", map[string]string{"count": "50", "rate": "1000"}, full)
	settled(t, before)
}

func TestChannelsBlockOneWayAndInPairs(t *testing.T) {
	before := runtime.NumGoroutine()
	use(t, env(), "go.chan-block", map[string]string{"count": "50"}, func(b wire.Bite) bool { return b.Hits == 50 })
	use(t, env(), "go.chan-block", map[string]string{"count": "50", "mode": "deadlock"}, func(b wire.Bite) bool { return b.Hits == 100 })
	settled(t, before)
}

func settled(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func TestAMutexIsHeldOursOrARegisteredOne(t *testing.T) {
	e := env()
	often := func(b wire.Bite) bool { return b.Hits >= 3 }
	use(t, e, "go.mutex-hold", map[string]string{"hold": "2ms", "every": "4ms"}, often)
	lock := &sync.Mutex{}
	if !e.Locks.Add("stock", lock) || e.Locks.Add("stock", lock) {
		t.Fatal("a name is taken once")
	}
	blocked := make(chan struct{})
	use(t, e, "go.mutex-hold", map[string]string{"lock": "stock", "hold": "20ms", "every": "20ms"}, func(b wire.Bite) bool {
		if b.Hits == 1 {
			select {
			case <-blocked:
			default:
				close(blocked)
			}
		}
		return often(b)
	})
	lock.Lock()
	lock.Unlock() //nolint:staticcheck // it can be had again
}

func TestMemoryGrowsStepByStepAndIsGivenBack(t *testing.T) {
	use(t, env(), "go.memory-grow", map[string]string{"size": "24MiB", "step": "8MiB", "every": "1ms"}, full)
	e := env()
	e.Guard.free = func() uint64 { return 1 << 20 }
	action := find(t, e, "go.memory-grow")
	if err := action.Validate(map[string]string{"size": "2MiB"}); err == nil || !strings.Contains(err.Error(), "guard") {
		t.Errorf("the guard allows what is not there: %v", err)
	}
	e.Guard.Lifted = true
	if err := find(t, e, "go.memory-grow").Validate(map[string]string{"size": "2MiB"}); err != nil {
		t.Errorf("a lifted guard refuses: %v", err)
	}
}

func TestTheGuardStopsAGrowthThatTheProcessOvertakes(t *testing.T) {
	e, room := env(), uint64(20<<20)
	var mu sync.Mutex
	e.Guard.free = func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return room
	}
	bite := use(t, e, "go.memory-grow", map[string]string{"size": "16MiB", "step": "4MiB", "every": "1ms"}, func(b wire.Bite) bool {
		mu.Lock()
		defer mu.Unlock()
		if b.Hits > 0 {
			room = 0
		}
		return full(b) || strings.Contains(b.Detail, "stopped by the guard")
	})
	if *bite.Delivered == 0 {
		t.Errorf("%s", bite.Detail)
	}
}

func TestGarbageMakesCollections(t *testing.T) {
	use(t, env(), "go.gc-pressure", map[string]string{"rate": "512MiB/s"}, func(b wire.Bite) bool { return b.Hits > 0 })
}

func TestABurrReportsWhatItGot(t *testing.T) {
	bite := use(t, env(), "go.cpu-burr", map[string]string{"intensity": "40%", "duration": "40ms", "period": "60ms"},
		func(b wire.Bite) bool { return b.Hits >= 3 })
	if *bite.Delivered <= 0 || *bite.Delivered > 60 {
		t.Errorf("40 %% asked, %.1f %% got", *bite.Delivered)
	}
}

func TestARuleIsInForceWhileItIsUsed(t *testing.T) {
	bite := use(t, env(), "go.http-delay", map[string]string{"mean": "1ms", "route": "/a*"}, func(b wire.Bite) bool {
		hook.HTTPServer.Armed().Pick(hook.Request{Route: "/b"})
		if hit := hook.HTTPServer.Armed().Pick(hook.Request{Route: "/ab"}); hit != nil {
			_ = hit.Hold(context.Background())
			hit.End()
		}
		return b.Hits > 0
	})
	if *bite.Asked != 1 || bite.Seen <= bite.Hits {
		t.Errorf("%+v", bite)
	}
	if hook.HTTPServer.Armed() != nil {
		t.Error("the site is not idle")
	}
}

func TestBadValuesAreRefusedByEveryAction(t *testing.T) {
	e := env()
	for _, action := range All(e) {
		err := action.Validate(map[string]string{"surely-not-a-key": "1"})
		if err == nil || !strings.Contains(err.Error(), "surely-not-a-key") {
			t.Errorf("%s: %v", action.Name(), err)
		}
	}
	for _, bad := range []struct{ name, key, text string }{
		{"go.goroutine-leak", "count", "0"}, {"go.goroutine-leak", "count", "1000000"},
		{"go.chan-block", "mode", "both"}, {"go.mutex-hold", "hold", "20ms"},
		{"go.mutex-hold", "lock", "unknown"}, {"go.memory-grow", "size", "0B"},
		{"go.memory-grow", "size", "much"}, {"go.gc-pressure", "rate", "1kB"},
		{"go.cpu-burr", "intensity", "101%"}, {"go.cpu-burr", "duration", "2s"},
		{"go.http-delay", "mean", "-1s"}, {"go.http-delay", "jitter", "1h"},
		{"go.http-delay", "side", "middle"}, {"go.http-delay", "share", "half"},
		{"go.http-delay", "header", "nameonly"}, {"go.http-error", "status", "99"},
		{"go.http-error", "fail", "connection"}, {"go.context-shrink", "deadline", "0s"},
		{"go.panic", "recovered", "maybe"}, {"go.grpc-status", "code", "OK"},
		{"go.grpc-status", "code", "0"}, {"go.grpc-status", "code", "17"},
		{"go.pool-starve", "pool", "unknown"},
	} {
		if err := find(t, e, bad.name).Validate(map[string]string{bad.key: bad.text}); err == nil {
			t.Errorf("%s %s=%s passes", bad.name, bad.key, bad.text)
		}
	}
	for _, good := range []string{"UNAVAILABLE", "unavailable", "14"} {
		if err := find(t, e, "go.grpc-status").Validate(map[string]string{"code": good}); err != nil {
			t.Error(err)
		}
	}
}

// connector is a database without anything in it.
type connector struct{}

func (connector) Connect(context.Context) (driver.Conn, error) { return conn{}, nil }
func (connector) Driver() driver.Driver                        { return nil }

type conn struct{}

func (conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("holds nothing") }
func (conn) Close() error                        { return nil }
func (conn) Begin() (driver.Tx, error)           { return nil, errors.New("holds nothing") }

func TestAPoolIsStarvedAndGetsItsConnectionsBack(t *testing.T) {
	e, pool := env(), sql.OpenDB(connector{})
	defer pool.Close()
	e.Pools.Add("default", pool)
	action := find(t, e, "go.pool-starve")
	if err := action.Validate(nil); err == nil || !strings.Contains(err.Error(), "no limit") {
		t.Errorf("%v", err)
	}
	pool.SetMaxOpenConns(3)
	use(t, e, "go.pool-starve", map[string]string{"leave": "1"}, full)
	undo, err := action.Exec(leased(t), "u", nil)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); !full(action.Measure("u")) && time.Now().Before(end); {
		runtime.Gosched()
	}
	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := pool.Conn(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a starved pool still gives: %v", err)
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	if got, err := pool.Conn(context.Background()); err != nil {
		t.Error(err)
	} else if err := got.Close(); err != nil {
		t.Error(err)
	}
}

func TestAThousandRoundsLeaveNothing(t *testing.T) {
	e, before := env(), runtime.NumGoroutine()
	action := find(t, e, "go.goroutine-leak")
	for range 1000 {
		undo, err := action.Exec(leased(t), "u", map[string]string{"count": "3"})
		if err != nil {
			t.Fatal(err)
		}
		if err := undo(); err != nil {
			t.Fatal(err)
		}
		if left := action.Residue("u"); left != nil {
			t.Fatal(left)
		}
	}
	settled(t, before)
}

package squall

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/action"
	"github.com/squall-dev/squall/sdk/go/internal/clock"
	"github.com/squall-dev/squall/sdk/go/internal/life"
	"github.com/squall-dev/squall/sdk/go/internal/link"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// Version is this release of the SDK.
const Version = "0.1.0"

// CapMax is the longest a fault lives, whatever the agent says.
const CapMax = 10 * time.Minute

// process is what there is once in a process: faults are registered before and after Start.
var process struct {
	mu      sync.Mutex
	started *Agent
	probes  probes
	locks   action.Named[sync.Locker]
	pools   action.Named[*sql.DB]
}

// Agent is this process's side of the connection to Squall's agent.
type Agent struct {
	life   *life.Life
	link   *link.Link
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

type settings struct {
	socket, service, instance string
	labels                    map[string]string
	cap                       time.Duration
	unguarded                 bool
	ending                    []os.Signal
	say                       func(format string, args ...any)
}

// Option changes what Start does.
type Option func(*settings)

// WithSocket names the agent's socket; without it SQUALL_AGENT does, and without both Start does
// nothing.
func WithSocket(path string) Option { return func(s *settings) { s.socket = path } }

// WithService names the service; without it SQUALL_SERVICE does, or the program's file name.
func WithService(name string) Option { return func(s *settings) { s.service = name } }

// WithInstance tells instances of a service apart; without it the host name and the pid do.
func WithInstance(name string) Option { return func(s *settings) { s.instance = name } }

// WithLabels are shown beside the process by `squall targets`.
func WithLabels(labels map[string]string) Option { return func(s *settings) { s.labels = labels } }

// WithCap shortens the longest life of a fault here; CapMax cannot be raised.
func WithCap(d time.Duration) Option {
	return func(s *settings) {
		if d > 0 && d < s.cap {
			s.cap = d
		}
	}
}

// WithSignals ends every fault at one of these signals, so that a service that catches SIGTERM
// shuts down undisturbed. Only a process that handles them itself gives it: Go then no longer
// ends the process by them, and without a handler the faults end with the process anyway.
func WithSignals(signals ...os.Signal) Option {
	return func(s *settings) { s.ending = signals }
}

// WithoutMemoryGuard lets faults take more memory than the process has, for a person who wants
// to see it killed.
func WithoutMemoryGuard() Option { return func(s *settings) { s.unguarded = true } }

// WithLog says where the SDK tells what happens; without it, the standard logger.
func WithLog(printf func(format string, args ...any)) Option {
	return func(s *settings) { s.say = printf }
}

// ErrStarted is a second Start in one process.
var ErrStarted = errors.New("squall is started already in this process")

// Start connects this process to Squall's agent, and goes on trying while there is none. It
// returns at once, never fails the caller, and is off where no socket is named. The result is
// never nil; Err tells what is wrong, if anything.
func Start(options ...Option) *Agent {
	s := settings{
		socket: os.Getenv("SQUALL_AGENT"), service: os.Getenv("SQUALL_SERVICE"),
		cap: CapMax, say: log.Printf,
	}
	for _, option := range options {
		option(&s)
	}
	if s.socket == "" {
		return &Agent{}
	}
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.started != nil {
		s.say("squall: %v", ErrStarted)
		return &Agent{err: ErrStarted}
	}
	agent := s.agent()
	process.started = agent
	return agent
}

func (s *settings) agent() *Agent {
	if s.service == "" {
		s.service = filepath.Base(os.Args[0])
	}
	if s.instance == "" {
		host, _ := os.Hostname()
		s.instance = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	env := &action.Env{
		Service: s.service, Guard: action.Guard{Lifted: s.unguarded},
		Locks: &process.locks, Pools: &process.pools,
	}
	own := map[string]life.Probe{}
	names := []string{}
	for _, probe := range action.All(env) {
		own[probe.Name()] = probe
		names = append(names, probe.Name())
	}
	find := func(name string) (life.Probe, bool) {
		if probe, ok := own[name]; ok {
			return probe, true
		}
		return process.probes.find(name)
	}
	agent := &Agent{done: make(chan struct{})}
	agent.life = life.New(clock.Real{}, s.cap, find, func(event wire.Event) {
		// An agent that is gone learns from its journal what ended.
		_ = agent.link.Send(&wire.ToAgent{Event: &event})
	})
	agent.link = &link.Link{
		Path: s.socket, Life: agent.life, Say: s.say,
		Hello: func() wire.Hello {
			labels := s.labels
			if labels == nil {
				labels = map[string]string{}
			}
			return wire.Hello{
				V: wire.Version, Pid: os.Getpid(), Service: s.service, Instance: s.instance,
				Labels: labels, Sdk: Version, Go: runtime.Version(),
				Probes: append(append([]string{}, names...), process.probes.names()...),
				CapMs:  s.cap.Milliseconds(),
			}
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	agent.cancel = cancel
	go agent.run(ctx, s.ending)
	return agent
}

// run keeps the link, and ends every fault when the process is asked to end: a service that
// shuts down has to be able to finish what it is doing.
func (a *Agent) run(ctx context.Context, ending []os.Signal) {
	defer close(a.done)
	if len(ending) > 0 {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, ending...)
		defer signal.Stop(asked)
		go func() {
			select {
			case <-ctx.Done():
			case <-asked:
				a.life.EndAll(life.WhySignal)
			}
		}()
	}
	a.link.Run(ctx)
}

// Err tells why this agent does nothing, if Start was wrong to be called.
func (a *Agent) Err() error { return a.err }

// IsOn tells whether Start found a socket's name.
func (a *Agent) IsOn() bool { return a.link != nil }

// IsConnected tells whether an agent is there now.
func (a *Agent) IsConnected() bool { return a.link != nil && a.link.IsConnected() }

// Stop ends every fault and the connection, and returns once they are over.
func (a *Agent) Stop() {
	if a.cancel == nil {
		return
	}
	a.cancel()
	<-a.done
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.started == a {
		process.started = nil
	}
}

// Register adds a probe of the process's own. Experiments use it with the fault go.probe.
// A process registers before Start; a later probe is seen with the agent's next connection.
func Register(probe Probe) error {
	name := probe.Name()
	if name == "" || strings.HasPrefix(name, "go.") || strings.ContainsAny(name, " \t\n") {
		return fmt.Errorf("register probe %q: a name has no spaces and does not begin with go.", name)
	}
	if monitor, ok := probe.(Monitor); ok {
		return process.probes.add(name, measured{probe, monitor})
	}
	return process.probes.add(name, probe)
}

// RegisterLock lets the fault go.mutex-hold hold a mutex of the process.
func RegisterLock(name string, lock sync.Locker) error {
	if !process.locks.Add(name, lock) {
		return fmt.Errorf("register lock %q: %w", name, ErrTaken)
	}
	return nil
}

// RegisterDB lets the fault go.pool-starve take connections out of a pool.
func RegisterDB(name string, pool *sql.DB) error {
	if !process.pools.Add(name, pool) {
		return fmt.Errorf("register pool %q: %w", name, ErrTaken)
	}
	return nil
}

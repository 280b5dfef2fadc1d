package action

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

const (
	memoryMax = 64 << 30
	pageBytes = 4096
)

var memoryGrowKeys = []string{"size", "step", "every"}

type grown struct {
	*crew
	guard Guard
	asked uint64
	mu    sync.Mutex
	held  [][]byte
	bytes uint64
	why   string
}

// memoryGrow takes live heap step by step up to a size and holds it until it is undone. The guard
// is asked before each step, since the process goes on allocating, too.
func memoryGrow(_ context.Context, env *Env, p value.Params, dry bool) (running, error) {
	size, err := p.Bytes("size", 64<<20, memoryMax)
	if err != nil {
		return nil, err
	}
	step, err := p.Bytes("step", size, memoryMax)
	if err != nil {
		return nil, err
	}
	every, err := p.Duration("every", 100*time.Millisecond, time.Hour)
	if err != nil {
		return nil, err
	}
	if size == 0 || step == 0 {
		return nil, &value.Error{Key: "size", Text: "0B", Want: "above 0"}
	}
	if err := env.Guard.Allows(size); err != nil || dry {
		return nil, err
	}
	own := &grown{crew: newCrew(), guard: env.Guard, asked: size}
	own.start(func() {
		for own.grow(min(step, size-own.got())) && own.got() < size && own.pause(every) {
		}
	})
	return own, nil
}

func (g *grown) grow(bytes uint64) bool {
	if err := g.guard.Allows(bytes); err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.why = "; stopped by the guard: " + err.Error()
		return false
	}
	block := make([]byte, bytes)
	// A page that was never written to costs nothing.
	for at := 0; at < len(block); at += pageBytes {
		block[at] = 1
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.bytes = append(g.held, block), g.bytes+bytes
	return true
}

func (g *grown) got() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bytes
}

func (g *grown) stop() error {
	err := g.dismiss()
	g.mu.Lock()
	g.held, g.bytes = nil, 0
	g.mu.Unlock()
	debug.FreeOSMemory()
	return err
}

func (g *grown) alive() string {
	if bytes := g.got(); bytes > 0 {
		return fmt.Sprintf("%d MiB of the fault are still held", bytes>>20)
	}
	return g.crew.alive()
}

func (g *grown) measure() wire.Bite {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked, got := float64(g.asked)/(1<<20), float64(g.bytes)/(1<<20)
	return wire.Bite{
		Hits: uint64(len(g.held)), Seen: uint64(len(g.held)), Asked: &asked, Delivered: &got,
		Detail: fmt.Sprintf("%.1f of %.1f MiB held%s", got, asked, g.why),
	}
}

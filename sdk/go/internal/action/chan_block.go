package action

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

var chanBlockKeys = []string{"count", "mode"}

type blocked struct {
	*crew
	mode    string
	waiting atomic.Int64
}

// chanBlock leaves goroutines waiting on channels: one-way, in a receive that nobody sends to, or
// deadlock, in pairs of which each waits to hand something to the other first.
func chanBlock(_ context.Context, env *Env, p value.Params, dry bool) (running, error) {
	count, err := p.Count("count", 100, 1, goroutinesMax/2)
	if err != nil {
		return nil, err
	}
	mode, err := p.Word("mode", "one-way", "deadlock")
	if err != nil {
		return nil, err
	}
	if err := env.Guard.Allows(2 * uint64(count) * goroutineBytes); err != nil || dry {
		return nil, err
	}
	own := &blocked{crew: newCrew(), mode: mode}
	for range count {
		if mode == "one-way" {
			never := make(chan struct{})
			own.start(func() { own.blocks(func() { own.receive(never) }) })
			continue
		}
		// Each sends before it receives, so neither gets to its receive.
		there, back := make(chan struct{}), make(chan struct{})
		own.start(func() { own.blocks(func() { own.send(there); own.receive(back) }) })
		own.start(func() { own.blocks(func() { own.send(back); own.receive(there) }) })
	}
	return own, nil
}

func (b *blocked) blocks(f func()) {
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	f()
}

func (b *blocked) receive(from <-chan struct{}) {
	select {
	case <-from:
	case <-b.quit:
	}
}

func (b *blocked) send(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	case <-b.quit:
	}
}

func (b *blocked) stop() error { return b.dismiss() }

func (b *blocked) measure() wire.Bite {
	waiting := b.waiting.Load()
	return wire.Bite{
		Hits: uint64(waiting), Seen: uint64(waiting),
		Detail: fmt.Sprintf("%d goroutines blocked on channels, %s", waiting, b.mode),
	}
}

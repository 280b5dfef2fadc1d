// Package clock is the one place that reads a clock, so that everything else is tested without
// waiting.
package clock

import (
	"sort"
	"sync"
	"time"
)

// Clock tells the time since some fixed moment, on an axis that never jumps, and calls back.
type Clock interface {
	// Now is the time on the monotonic axis.
	Now() time.Duration
	// AfterFunc calls f in its own goroutine once d is over; stop keeps it from being called.
	AfterFunc(d time.Duration, f func()) (stop func())
}

// Real is the machine's clock.
type Real struct{}

// base carries the runtime's monotonic reading; a wall clock that is set does not move it.
var base = time.Now()

// Now implements Clock.
func (Real) Now() time.Duration { return time.Since(base) }

// AfterFunc implements Clock.
func (Real) AfterFunc(d time.Duration, f func()) func() {
	timer := time.AfterFunc(d, f)
	return func() { timer.Stop() }
}

// Manual is a clock that a test moves by hand.
type Manual struct {
	mu     sync.Mutex
	now    time.Duration
	timers []*timer
}

type timer struct {
	at time.Duration
	f  func()
}

// Now implements Clock.
func (m *Manual) Now() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// AfterFunc implements Clock.
func (m *Manual) AfterFunc(d time.Duration, f func()) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	own := &timer{m.now + d, f}
	m.timers = append(m.timers, own)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		for i, other := range m.timers {
			if other == own {
				m.timers = append(m.timers[:i], m.timers[i+1:]...)
				return
			}
		}
	}
}

// Advance moves the time and calls what falls due, in order, before it returns.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	end := m.now + d
	for {
		sort.SliceStable(m.timers, func(i, j int) bool { return m.timers[i].at < m.timers[j].at })
		if len(m.timers) == 0 || m.timers[0].at > end {
			break
		}
		due := m.timers[0]
		m.timers = m.timers[1:]
		m.now = max(m.now, due.at)
		m.mu.Unlock()
		due.f()
		m.mu.Lock()
	}
	m.now = end
	m.mu.Unlock()
}

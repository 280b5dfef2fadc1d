package hook

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/lease"
)

// Effect is what a rule does to a request. A wrapper acts on what its protocol has; the delay
// comes first.
type Effect struct {
	// Delay is held before anything else, drawn evenly from Delay ± Jitter.
	Delay, Jitter time.Duration
	// Status answers an HTTP request with this status and Message instead of serving it; for a
	// client without a Status, Fail returns an error.
	Status int
	// Fail makes a client's call fail without an answer.
	Fail bool
	// Code answers a gRPC call with this status code; Message and Details go along.
	Code    uint32
	Message string
	Details []string
	// Deadline cuts the request's context to this long.
	Deadline time.Duration
	// Panic panics with Message in the handler; Loose does it in a goroutine of its own, where
	// nothing recovers it and the process dies.
	Panic, Loose bool
}

// Rule is an effect for some requests, in force while its context lives.
type Rule struct {
	// Fault and ID say which fault this is and which use of it, for observers.
	Fault, ID string
	// Site is where it acts.
	Site *Site
	// Match says for which requests.
	Match Match
	// Share of the matching requests that are hit, 0 to 1.
	Share float64
	// RequestID is a header whose value decides who is hit, so that a repeated request meets the
	// same fate; empty draws anew for each.
	RequestID string
	// InFlight is how many requests may be hit at one time; 0 is no limit.
	InFlight int64
	// Seed makes the choice by request id repeatable.
	Seed uint64
	// Effect is what happens.
	Effect Effect

	service  string
	matcher  matcher
	lease    *lease.Lease
	done     <-chan struct{}
	flying   atomic.Int64
	counters counters
}

type counters struct {
	seen, matched, hits, spared, held, askedNs, deliveredNs atomic.Int64
}

// Counted is what a rule has done so far.
type Counted struct {
	// Seen requests passed its site, Matched fit it, Hits were hurt, Spared would have been but
	// for the limit on requests in flight.
	Seen, Matched, Hits, Spared uint64
	// AskedMs and DeliveredMs are mean delays of those that were held to the end.
	AskedMs, DeliveredMs *float64
}

// Arm puts a rule in force for a service until the returned function is called, or the context
// or its lease ends.
func (r *Rule) Arm(ctx context.Context, service string) (disarm func(), err error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if r.matcher, err = r.Match.compile(); err != nil {
		return nil, err
	}
	r.service, r.lease, r.done = service, lease.From(ctx), ctx.Done()
	r.Site.add(r)
	return func() { r.Site.remove(r) }, nil
}

// Check says what is wrong with a rule, without arming it.
func (r *Rule) Check() error {
	if r.Site == nil || math.IsNaN(r.Share) || r.Share < 0 || r.Share > 1 {
		return fmt.Errorf("a rule has a site and a share from 0 to 1, not %v", r.Share)
	}
	_, err := r.Match.compile()
	return err
}

// IsArmed tells whether it is in force.
func (r *Rule) IsArmed() bool {
	set := r.Site.Armed()
	return set != nil && slices.Contains(set.rules, r)
}

// Counted returns what it has done so far.
func (r *Rule) Counted() Counted {
	c := &r.counters
	counted := Counted{
		Seen: uint64(c.seen.Load()), Matched: uint64(c.matched.Load()),
		Hits: uint64(c.hits.Load()), Spared: uint64(c.spared.Load()),
	}
	if held := c.held.Load(); held > 0 {
		asked := float64(c.askedNs.Load()) / float64(held) / 1e6
		delivered := float64(c.deliveredNs.Load()) / float64(held) / 1e6
		counted.AskedMs, counted.DeliveredMs = &asked, &delivered
	}
	return counted
}

func (r *Rule) pick(request *Request) *Hit {
	r.counters.seen.Add(1)
	if !r.matcher.fits(r.service, request) || r.lease.Left() == 0 {
		return nil
	}
	r.counters.matched.Add(1)
	if !r.draws(request) {
		return nil
	}
	if flying := r.flying.Add(1); r.InFlight > 0 && flying > r.InFlight {
		r.flying.Add(-1)
		r.counters.spared.Add(1)
		return nil
	}
	r.counters.hits.Add(1)
	return &Hit{Effect: r.Effect, rule: r}
}

func (r *Rule) draws(request *Request) bool {
	if r.Share >= 1 {
		return true
	}
	if r.RequestID != "" {
		if id := header(request, r.RequestID); id != "" {
			hash := fnv.New64a()
			// Writing to a hash never fails.
			_, _ = fmt.Fprintf(hash, "%d\x00%s", r.Seed, id)
			// FNV's high bits move little with the last bytes; a multiplication spreads them.
			mixed := hash.Sum64() * 0x9e3779b97f4a7c15
			return float64(mixed>>11)/(1<<53) < r.Share
		}
	}
	return rand.Float64() < r.Share
}

// Hit is one request that is hurt.
type Hit struct {
	// Effect is what happens to it.
	Effect Effect
	rule   *Rule
}

// Hold waits for the hit's delay, at most until the lease, the rule or the request ends. The
// error is the context's where that ended first.
//
// Every wrapper calls it first, also where there is no delay: observers hear of the hit here.
func (h *Hit) Hold(ctx context.Context) error {
	if observers := observers.Load(); observers != nil {
		for _, observe := range *observers {
			observe(ctx, Observed{Fault: h.rule.Fault, ID: h.rule.ID})
		}
	}
	asked := h.Effect.Delay
	if jitter := h.Effect.Jitter; jitter > 0 {
		asked += time.Duration(rand.Int64N(2*int64(jitter)+1)) - jitter
	}
	if asked <= 0 {
		return nil
	}
	begin := time.Now()
	for {
		left := asked - time.Since(begin)
		if left <= 0 {
			h.rule.counters.held.Add(1)
			h.rule.counters.askedNs.Add(int64(asked))
			h.rule.counters.deliveredNs.Add(int64(time.Since(begin)))
			return nil
		}
		// The lease is read again each time: a renewal moves it while we wait.
		lease := h.rule.lease.Left()
		if lease == 0 {
			return nil
		}
		timer := time.NewTimer(min(left, lease))
		select {
		case <-timer.C:
		case <-h.rule.done:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// Shrunk is why a context ended that a fault cut short; context.Cause tells it from a real one.
var Shrunk = fmt.Errorf("squall: deadline cut by go.context-shrink: %w", context.DeadlineExceeded)

// Cut shortens a context where the hit asks for it. The returned function is always to be called.
func (h *Hit) Cut(ctx context.Context) (context.Context, context.CancelFunc) {
	if h.Effect.Deadline <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, h.Effect.Deadline, Shrunk)
}

// Panic panics where the hit asks for it: here, for a handler's own recovery, or loose, where
// nobody recovers it.
func (h *Hit) Panic() {
	if !h.Effect.Panic {
		return
	}
	text := "squall: go.panic: " + h.Effect.Message
	if h.Effect.Loose {
		died := make(chan struct{})
		go func() {
			defer close(died)
			panic(text)
		}()
		<-died
	}
	panic(text)
}

// End says that the request is over; every hit is ended once.
func (h *Hit) End() { h.rule.flying.Add(-1) }

package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// ledgerLimit is eight seconds of orders at the demo's rate; beyond it an
	// order is refused, since a queue without an end hides the trouble.
	ledgerLimit = 4096
	// settlers ask for late payments side by side: few, so that settling does
	// not press on a payment instance that is already slow.
	settlers = 4
	// settleTries with the pauses between them last about a minute.
	settleTries = 8
	// settleLimit is how long one settling may wait: nobody stands at the till.
	settleLimit = 5 * time.Second
	// pauseFirst and pauseMost bound the wait between two tries.
	pauseFirst = 200 * time.Millisecond
	pauseMost  = 15 * time.Second
)

var errLedgerFull = errors.New("too many payments are pending")

// ledger keeps the orders whose payment was late, until it is settled.
// It is in memory: a shop that sold real umbrellas would keep it on disk.
type ledger struct {
	queue   chan order
	settled *prometheus.CounterVec
}

func newLedger(limit int, reg prometheus.Registerer) *ledger {
	l := &ledger{
		queue: make(chan order, limit),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "order_payments_settled_total",
			Help: "Late payments, by how they ended.",
		}, []string{"result"}),
	}
	reg.MustRegister(l.settled, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "order_payments_pending",
		Help: "Orders taken whose payment is not settled.",
	}, func() float64 { return float64(len(l.queue)) }))
	for _, result := range []string{"ok", "lost"} {
		l.settled.WithLabelValues(result)
	}
	return l
}

func (l *ledger) keep(o order) error {
	select {
	case l.queue <- o:
		return nil
	default:
		return errLedgerFull
	}
}

// settle asks for late payments until ctx ends. pause is the wait before the
// next try; tests pass one that returns at once.
func (l *ledger) settle(ctx context.Context, ask func(context.Context, order) error, pause func(context.Context, int)) {
	var wg sync.WaitGroup
	for range settlers {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case o := <-l.queue:
					l.settled.WithLabelValues(l.one(ctx, o, ask, pause)).Inc()
				}
			}
		})
	}
	wg.Wait()
}

func (l *ledger) one(ctx context.Context, o order, ask func(context.Context, order) error, pause func(context.Context, int)) string {
	for try := range settleTries {
		one, cancel := context.WithTimeout(ctx, settleLimit)
		err := ask(one, o)
		cancel()
		if err == nil {
			return "ok"
		}
		if errors.Is(err, errDeclined) || ctx.Err() != nil {
			break
		}
		pause(ctx, try)
	}
	return "lost"
}

// backOff waits longer after each try, and no longer than ctx lives.
func backOff(ctx context.Context, try int) {
	wait := time.NewTimer(min(pauseFirst<<try, pauseMost))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"squall.dev/shop/service"
)

// soon is a timeout that a stuck instance surely exceeds and a live one on a
// busy machine surely does not.
const soon = 400 * time.Millisecond

// instance is a payment instance that answers, refuses, or hangs until its
// caller leaves.
func instance(t *testing.T, code int) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if code == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(code)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, asked
}

func till0(t *testing.T, timeout time.Duration, pending int, urls ...string) *till {
	t.Helper()
	reg := service.NewRegistry()
	return newTill(urls, timeout, &http.Client{Transport: service.Transport(t.Context(), 0)}, newLedger(pending, reg), reg)
}

var umbrella = order{ID: "o-1", Article: "umbrella", Cents: 1200}

func TestPaymentsTakeTurns(t *testing.T) {
	a, askedA := instance(t, 200)
	b, askedB := instance(t, 200)
	till := till0(t, 0, 0, a, b)
	for range 6 {
		if state, err := till.Pay(t.Context(), umbrella); state != "paid" || err != nil {
			t.Fatal(state, err)
		}
	}
	if askedA.Load() != 3 || askedB.Load() != 3 {
		t.Fatalf("asked %d and %d", askedA.Load(), askedB.Load())
	}
}

func TestAsShippedALatePaymentIsWaitedFor(t *testing.T) {
	stuck, _ := instance(t, 0)
	till := till0(t, 0, 1, stuck)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if _, err := till.Pay(ctx, umbrella); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("ended by %v, not by the caller's own deadline", err)
	}
	if len(till.late.queue) != 0 {
		t.Fatal("kept as pending without a payment timeout")
	}
}

func TestALatePaymentIsAskedOfTheNextInstance(t *testing.T) {
	stuck, askedStuck := instance(t, 0)
	good, askedGood := instance(t, 200)
	till := till0(t, soon, 0, stuck, good)
	// Side by side: one order's second try must not depend on another's turn.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if state, err := till.Pay(t.Context(), umbrella); state != "paid" || err != nil {
				t.Error(state, err)
			}
		})
	}
	wg.Wait()
	if askedStuck.Load() != 4 || askedGood.Load() != 8 {
		t.Fatalf("asked %d and %d", askedStuck.Load(), askedGood.Load())
	}
}

func TestTwoLatePaymentsLeaveTheOrderPending(t *testing.T) {
	stuck, asked := instance(t, 0)
	till := till0(t, soon/4, 1, stuck)
	if state, err := till.Pay(t.Context(), umbrella); state != "pending" || err != nil {
		t.Fatal(state, err)
	}
	if asked.Load() != attempts {
		t.Fatalf("asked %d times", asked.Load())
	}
	if _, err := till.Pay(t.Context(), umbrella); !errors.Is(err, errLedgerFull) {
		t.Fatalf("a full ledger gave %v", err)
	}
}

func TestADeclinedPaymentIsFinal(t *testing.T) {
	no, asked := instance(t, http.StatusPaymentRequired)
	till := till0(t, soon, 1, no)
	if _, err := till.Pay(t.Context(), umbrella); !errors.Is(err, errDeclined) {
		t.Fatal(err)
	}
	if asked.Load() != 1 || len(till.late.queue) != 0 {
		t.Fatalf("asked %d times, %d pending", asked.Load(), len(till.late.queue))
	}
}

func TestADeadInstanceIsLeft(t *testing.T) {
	good, _ := instance(t, 200)
	till := till0(t, soon, 0, "http://127.0.0.1:1", good)
	if state, err := till.Pay(t.Context(), umbrella); state != "paid" || err != nil {
		t.Fatal(state, err)
	}
}

func TestLatePaymentsAreSettled(t *testing.T) {
	l := newLedger(8, service.NewRegistry())
	ctx, stop := context.WithCancel(t.Context())
	var tries atomic.Int64
	ended := make(chan struct{})
	go func() {
		l.settle(ctx, func(_ context.Context, o order) error {
			if o.ID == "bad" {
				return errDeclined
			}
			if tries.Add(1) < 3 {
				return errors.New("still late")
			}
			return nil
		}, func(context.Context, int) {})
		close(ended)
	}()
	for _, id := range []string{"good", "bad"} {
		if err := l.keep(order{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	until := time.Now().Add(5 * time.Second)
	for count(t, l.settled, "ok") != 1 || count(t, l.settled, "lost") != 1 {
		if time.Now().After(until) {
			t.Fatalf("ok %v, lost %v", count(t, l.settled, "ok"), count(t, l.settled, "lost"))
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	<-ended
	if tries.Load() != 3 {
		t.Fatalf("%d tries", tries.Load())
	}
}

func TestBackOffHasAnEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	backOff(ctx, 62)
	if wait := min(pauseFirst<<(settleTries-1), pauseMost); wait != pauseMost {
		t.Fatalf("the last pause is %v", wait)
	}
}

func count(t *testing.T, v *prometheus.CounterVec, result string) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(v)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == result {
			return m.GetCounter().GetValue()
		}
	}
	return 0
}

// shelf stands for the inventory's connection; the real service is asked in
// the demo and in the inventory's own tests.
type shelf struct{ err error }

func (s shelf) Invoke(_ context.Context, _ string, in, out any, _ ...grpc.CallOption) error {
	if s.err == nil {
		proto.Merge(out.(proto.Message), wrapperspb.String("r-"+in.(*wrapperspb.StringValue).GetValue()))
	}
	return s.err
}

func (s shelf) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("the inventory has no streams")
}

func TestOrdersOverHTTP(t *testing.T) {
	good, _ := instance(t, 200)
	no, _ := instance(t, http.StatusPaymentRequired)
	broken, _ := instance(t, http.StatusInternalServerError)
	for _, c := range []struct {
		name, pay, body string
		shelf           error
		code            int
		answer          string
	}{
		{"honest", good, `{"id":"o-1","article":"boots","cents":5}`, nil, 200, `"payment":"paid"`},
		{"no price", good, `{"id":"o-1","article":"boots"}`, nil, 400, "NOT_AN_ORDER"},
		{"no JSON", good, `boots`, nil, 400, "NOT_AN_ORDER"},
		{"too long", good, `{"id":"` + strings.Repeat("x", bodyLimit) + `"}`, nil, 400, "NOT_AN_ORDER"},
		{"no such article", good, `{"id":"o-1","article":"anvil","cents":5}`, status.Error(codes.NotFound, "no anvil"), 404, "ARTICLE"},
		{"no inventory", good, `{"id":"o-1","article":"boots","cents":5}`, status.Error(codes.Unavailable, "gone"), 503, "INVENTORY"},
		{"declined", no, `{"id":"o-1","article":"boots","cents":5}`, nil, 402, "DECLINED"},
		{"payment broken", broken, `{"id":"o-1","article":"boots","cents":5}`, nil, 503, "PAYMENT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := service.Loopback(0)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			reg := service.NewRegistry()
			srv := newServer(l, &desk{inventory: shelf{c.shelf}, till: till0(t, 0, 0, c.pay)}, reg)
			r := httptest.NewRequest(http.MethodPost, "/orders", bytes.NewReader([]byte(c.body)))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, r)
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.answer) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("no JSON: %s", w.Body)
			}
		})
	}
}

func TestTheInsideOfOrder(t *testing.T) {
	l, err := service.Loopback(0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	srv := newServer(l, &desk{}, service.NewRegistry())
	for _, path := range []string{"/healthz", "/metrics", "/debug/pprof/"} {
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestPaymentAddresses(t *testing.T) {
	urls, err := payments("http://127.0.0.1:1/, http://127.0.0.1:2")
	if err != nil || len(urls) != 2 || urls[0] != "http://127.0.0.1:1" || urls[1] != "http://127.0.0.1:2" {
		t.Fatal(urls, err)
	}
	for _, bad := range []string{"", "127.0.0.1:8083", "http://127.0.0.1:1,", "ftp://x"} {
		if _, err := payments(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

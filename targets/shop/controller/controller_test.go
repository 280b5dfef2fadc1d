package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestWaitNamesWhatIsMissing(t *testing.T) {
	var asked atomic.Int64
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer slow.Close()
	if err := wait(t.Context(), 10*time.Second, []string{slow.URL}); err != nil {
		t.Fatal(err)
	}
	err := wait(t.Context(), 50*time.Millisecond, []string{slow.URL, "http://127.0.0.1:1/healthz"})
	if err == nil || !strings.Contains(err.Error(), "1 of 2 not ready") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Fatal(err)
	}
}

func TestLoadSendsEveryOrder(t *testing.T) {
	var asked atomic.Int64
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			_, _ = w.Write([]byte("# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.5\n"))
			return
		}
		asked.Add(1)
	}))
	defer shop.Close()
	err := load(t.Context(), shop.URL+"/api/order", 200, 250*time.Millisecond, []string{shop.URL + "/metrics"})
	if err != nil || asked.Load() != 50 {
		t.Fatalf("%d orders, %v", asked.Load(), err)
	}
}

func TestLoadNeedsTheCostItWasAskedFor(t *testing.T) {
	bare := httptest.NewServer(http.NotFoundHandler())
	defer bare.Close()
	if _, err := spent(t.Context(), []string{bare.URL}); err == nil {
		t.Fatal("a page without metrics was taken")
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"dance"}, {"load"}, {"load", "-rate", "0", "http://127.0.0.1:1"}} {
		if err := run(context.Background(), args); err == nil || !strings.Contains(err.Error(), "usage:") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

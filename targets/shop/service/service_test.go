package service

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestMeterUsesTheUsualNames(t *testing.T) {
	reg := NewRegistry()
	meter := NewMeter(reg)
	mux := Inside(reg)
	mux.Handle("/api/thing", meter.Wrap("/api/thing", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	})))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	if code, _ := get(t, srv.URL+"/api/thing?user=7"); code != http.StatusTeapot {
		t.Fatalf("status %d went lost on the way", code)
	}
	_, text := get(t, srv.URL+"/metrics")
	for _, want := range []string{
		`http_requests_total{code="418",method="GET",path="/api/thing"} 1`,
		`http_request_duration_seconds_bucket{method="GET",path="/api/thing",le="0.3"} 1`,
		"process_cpu_seconds_total",
		"go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestUnknownVerbsAreOneSeries(t *testing.T) {
	for verb, want := range map[string]string{"GET": "GET", "BREW": "other", "": "other"} {
		if got := method(verb); got != want {
			t.Errorf("%q is counted as %q, want %q", verb, got, want)
		}
	}
}

func TestInsideAnswers(t *testing.T) {
	srv := httptest.NewServer(Inside(NewRegistry()))
	defer srv.Close()
	for _, path := range []string{"/healthz", "/metrics", "/debug/pprof/", "/debug/pprof/goroutine?debug=1"} {
		if code, body := get(t, srv.URL+path); code != 200 || body == "" {
			t.Errorf("%s: status %d, %d bytes", path, code, len(body))
		}
	}
}

func TestServeLetsARequestFinish(t *testing.T) {
	l, err := Loopback(0)
	if err != nil {
		t.Fatal(err)
	}
	started, finish := make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(started)
			<-finish
			_, _ = w.Write([]byte("done"))
		}))
	}()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	<-started
	stop()
	close(finish)
	if got := <-answer; got != "done" {
		t.Fatalf("the request in flight got %q", got)
	}
	if err := <-ended; err != nil {
		t.Fatalf("a wanted stop failed: %v", err)
	}
}

func TestPortTakenIsSaid(t *testing.T) {
	l, err := Loopback(0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if _, err := Loopback(port); err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Fatalf("a taken port gave %v", err)
	}
}

func TestEnvDuration(t *testing.T) {
	t.Setenv("SHOP_TEST_WAIT", "120ms")
	if d, err := EnvDuration("SHOP_TEST_WAIT", 0); err != nil || d != 120*time.Millisecond {
		t.Errorf("120ms read as %v, %v", d, err)
	}
	for _, bad := range []string{"120", "soon", "-1s"} {
		t.Setenv("SHOP_TEST_WAIT", bad)
		if _, err := EnvDuration("SHOP_TEST_WAIT", 0); err == nil || !strings.Contains(err.Error(), "SHOP_TEST_WAIT") {
			t.Errorf("%q was taken: %v", bad, err)
		}
	}
	t.Setenv("SHOP_TEST_WAIT", "")
	if d, err := EnvDuration("SHOP_TEST_WAIT", time.Second); err != nil || d != time.Second {
		t.Errorf("default lost: %v, %v", d, err)
	}
}

package squallhttp_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/hooktest"
	squallhttp "github.com/squall-dev/squall/sdk/go/http"
)

func serve(t *testing.T, next http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(squallhttp.Handler(next))
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	return server
}

func hello(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
		http.Error(w, context.Cause(r.Context()).Error(), http.StatusGatewayTimeout)
	case <-time.After(2 * time.Millisecond):
		_, _ = io.WriteString(w, "hello")
	}
}

func get(t *testing.T, client *http.Client, url string) (int, string, time.Duration, error) {
	t.Helper()
	begin := time.Now()
	response, err := client.Get(url)
	if err != nil {
		return 0, "", time.Since(begin), err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), time.Since(begin), err
}

func TestAHandlerIsHurtOnlyWhereARuleSaysSo(t *testing.T) {
	server := serve(t, hello)
	check := func(what string, rule *hook.Rule, path string, status int, body string, atLeast time.Duration) {
		t.Helper()
		if rule != nil {
			rule.Site = &hook.HTTPServer
			defer hooktest.Arm(t, rule)()
		}
		got, text, took, err := get(t, server.Client(), server.URL+path)
		if err != nil || got != status || !strings.Contains(text, body) || took < atLeast {
			t.Errorf("%s: %d %q after %s, %v", what, got, text, took, err)
		}
	}
	check("idle", nil, "/a", 200, "hello", 0)
	check("delay", &hook.Rule{Effect: hook.Effect{Delay: 30 * time.Millisecond}}, "/a", 200, "hello", 30*time.Millisecond)
	check("status", &hook.Rule{Effect: hook.Effect{Status: 503, Message: "away"}}, "/a", 503, "away", 0)
	check("another path", &hook.Rule{Match: hook.Match{Route: "/b"}, Effect: hook.Effect{Status: 503}}, "/a", 200, "hello", 0)
	check("deadline", &hook.Rule{Effect: hook.Effect{Deadline: time.Microsecond}}, "/a", 504, "context-shrink", 0)
	check("idle again", nil, "/a", 200, "hello", 0)
}

func TestAPanicIsTheHandlersOwn(t *testing.T) {
	server := serve(t, hello)
	disarm := hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPServer, Effect: hook.Effect{Panic: true, Message: "x"}})
	if _, _, _, err := get(t, server.Client(), server.URL); err == nil {
		t.Error("the connection survived")
	}
	disarm()
	if status, _, _, err := get(t, server.Client(), server.URL); err != nil || status != 200 {
		t.Errorf("the service did not go on: %d, %v", status, err)
	}
}

func TestAClientIsHurtOnlyWhereARuleSaysSo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(hello))
	defer server.Close()
	client := &http.Client{Transport: squallhttp.Transport(nil)}
	check := func(what string, effect *hook.Effect, status int, atLeast time.Duration, wrong error) {
		t.Helper()
		if effect != nil {
			defer hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPClient, Match: hook.Match{Method: "GET"}, Effect: *effect})()
		}
		got, _, took, err := get(t, client, server.URL)
		if got != status || took < atLeast || (wrong == nil) != (err == nil) || (wrong != nil && !errors.Is(err, wrong)) {
			t.Errorf("%s: %d after %s, %v", what, got, took, err)
		}
	}
	check("idle", nil, 200, 0, nil)
	check("delay", &hook.Effect{Delay: 30 * time.Millisecond}, 200, 30*time.Millisecond, nil)
	check("status", &hook.Effect{Status: 502}, 502, 0, nil)
	check("failure", &hook.Effect{Fail: true}, 0, 0, squallhttp.ErrFailed)
	check("deadline", &hook.Effect{Deadline: time.Microsecond}, 0, 0, hook.Shrunk)
	check("long deadline", &hook.Effect{Deadline: time.Minute}, 200, 0, nil)
}

func TestARequestThatWasNotSentHasItsBodyClosed(t *testing.T) {
	hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPClient, Effect: hook.Effect{Status: 500}})
	body := &closed{Reader: strings.NewReader("x")}
	request := httptest.NewRequest("POST", "http://localhost/", body)
	response, err := squallhttp.Transport(nil).RoundTrip(request)
	if err != nil || response.StatusCode != 500 || !body.closed {
		t.Errorf("%v, closed %v", err, body.closed)
	}
}

type closed struct {
	io.Reader
	closed bool
}

func (c *closed) Close() error { c.closed = true; return nil }

func TestTheAgentlessDelayIsOffUnlessEnabled(t *testing.T) {
	next := http.HandlerFunc(hello)
	t.Setenv("CHAOS_ENABLED", "false")
	if _, same := squallhttp.ChaosDelayMiddleware(next).(http.HandlerFunc); !same {
		t.Error("something was wrapped")
	}
	half := squallhttp.Delay{Enabled: true, Path: "/slow", Most: 40 * time.Millisecond, Draw: func() float64 { return 0.5 }}
	server := httptest.NewServer(half.Wrap(next))
	defer server.Close()
	if _, _, took, err := get(t, server.Client(), server.URL+"/slow"); err != nil || took < 20*time.Millisecond {
		t.Errorf("%s, %v", took, err)
	}
	t.Setenv("CHAOS_ENABLED", "true")
	if _, same := squallhttp.ChaosDelayMiddleware(next).(http.HandlerFunc); !same {
		// A HandlerFunc too, but another one: it is told apart by what it does on its path only.
		t.Error("nothing was wrapped")
	}
}

// nothing serves and keeps nothing, so that the benchmark measures the wrapper alone.
type nothing struct{}

func (nothing) ServeHTTP(http.ResponseWriter, *http.Request) {}
func (nothing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, nil
}

// empty is a wrapper that does nothing.
type empty struct{ next http.Handler }

func (e empty) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.next.ServeHTTP(w, r) }

func TestIdleWrappersAllocateNothing(t *testing.T) {
	handler, request := squallhttp.Handler(nothing{}), httptest.NewRequest("GET", "/", nil)
	client := squallhttp.Transport(nothing{})
	if n := testing.AllocsPerRun(100, func() { handler.ServeHTTP(nil, request) }); n != 0 {
		t.Errorf("handler: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = client.RoundTrip(request) }); n != 0 {
		t.Errorf("transport: %v allocations", n)
	}
	hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPServer, Match: hook.Match{Route: "/other"}})
	if n := testing.AllocsPerRun(100, func() { handler.ServeHTTP(nil, request) }); n != 0 {
		t.Errorf("armed without a match: %v allocations", n)
	}
}

// perCall is the least time a call takes of several tries; the least, since others use the machine.
func perCall(handler http.Handler, request *http.Request) float64 {
	least := math.Inf(1)
	for range 15 {
		begin := time.Now()
		for range 20_000 {
			handler.ServeHTTP(nil, request)
		}
		least = min(least, float64(time.Since(begin)))
	}
	return least
}

// An idle hook costs about as much again as an empty wrapper. The bound is far above that and far
// below anything that takes a lock, allocates or reads a clock.
func TestAnIdleHookCostsAFewEmptyWrappers(t *testing.T) {
	request := httptest.NewRequest("GET", "/", nil)
	bare, wrapped := perCall(empty{nothing{}}, request), perCall(squallhttp.Handler(nothing{}), request)
	if ratio := wrapped / bare; ratio > 8 {
		t.Errorf("an idle hook costs %.1f empty wrappers", ratio)
	}
}

func BenchmarkHandler(b *testing.B) {
	request := httptest.NewRequest("GET", "/", nil)
	for name, handler := range map[string]http.Handler{
		"bare": nothing{}, "empty wrapper": empty{nothing{}}, "idle": squallhttp.Handler(nothing{}),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				handler.ServeHTTP(nil, request)
			}
		})
	}
}

func BenchmarkTransport(b *testing.B) {
	request := httptest.NewRequest("GET", "/", nil)
	for name, client := range map[string]http.RoundTripper{"bare": nothing{}, "idle": squallhttp.Transport(nothing{})} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = client.RoundTrip(request)
			}
		})
	}
}

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: squallhttp.Handler(mux)}
	_ = server
}

func ExampleTransport() {
	client := &http.Client{Transport: squallhttp.Transport(nil)}
	_ = client
}

func ExampleChaosDelayMiddleware() {
	// CHAOS_ENABLED=true CHAOS_PATH=/api/order ./order
	handler := squallhttp.ChaosDelayMiddleware(http.HandlerFunc(hello))
	_ = handler
}

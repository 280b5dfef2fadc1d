package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"squall.dev/shop/service"
)

type sent struct {
	ID      string `json:"id"`
	Article string `json:"article"`
	Cents   int64  `json:"cents"`
}

// behind starts an order service that gives the answer, or hangs with code 0.
func behind(t *testing.T, code int, got chan<- sent) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var s sent
		_ = json.NewDecoder(r.Body).Decode(&s)
		_, _ = io.Copy(io.Discard, r.Body)
		if got != nil {
			got <- s
		}
		if code == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"payment":"paid"}`)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func engine(t *testing.T, order string, limit time.Duration) http.Handler {
	t.Helper()
	reg := service.NewRegistry()
	client := &http.Client{Transport: service.Transport(t.Context(), 0)}
	return newEngine(newFront(order, limit, client, "t", reg), reg)
}

func call(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestOrders(t *testing.T) {
	const generous = 10 * time.Second
	for _, c := range []struct {
		name, method, body string
		order              int
		limit              time.Duration
		code               int
		counted            string
	}{
		{"plain GET", "GET", "", 200, generous, 200, `orders_total{result="ok"} 1`},
		{"POST", "POST", `{"article":"boots","cents":3}`, 200, generous, 200, `orders_total{result="ok"} 1`},
		{"late", "GET", "", 0, 30 * time.Millisecond, 504, `orders_total{result="error"} 1`},
		{"broken", "GET", "", 500, generous, 502, `orders_total{result="error"} 1`},
		{"refused", "GET", "", 402, generous, 402, `orders_total{result="error"} 1`},
		{"not an order", "POST", `{"cents":-3}`, 200, generous, 400, `orders_total{result="error"} 0`},
		{"no JSON", "POST", `boots`, 200, generous, 400, `orders_total{result="ok"} 0`},
		{"too long", "POST", strings.Repeat("x", bodyLimit+1), 200, generous, 400, `orders_total{result="ok"} 0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := engine(t, behind(t, c.order, nil), c.limit)
			w := call(h, c.method, route, c.body)
			if w.Code != c.code || !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if text := call(h, "GET", "/metrics", "").Body.String(); !strings.Contains(text, c.counted) {
				t.Fatalf("no %s in\n%s", c.counted, text)
			}
		})
	}
}

func TestOrderOutOfReach(t *testing.T) {
	w := call(engine(t, "http://127.0.0.1:1", time.Second), "GET", route, "")
	if w.Code != http.StatusBadGateway {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestEachOrderHasItsOwnID(t *testing.T) {
	got := make(chan sent, 2)
	h := engine(t, behind(t, 200, got), time.Second)
	call(h, "GET", route, "")
	call(h, "POST", route, `{"article":"boots"}`)
	if s := <-got; s != (sent{"t-1", "umbrella", 1200}) {
		t.Errorf("first: %+v", s)
	}
	if s := <-got; s != (sent{"t-2", "boots", 1200}) {
		t.Errorf("second: %+v", s)
	}
}

func TestACustomerWhoLeavesIsCounted(t *testing.T) {
	got := make(chan sent, 1)
	h := engine(t, behind(t, 0, got), time.Hour)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-got
		leave()
	}()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", route, nil))
	if w.Code != statusGone {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestTheInsideOfGateway(t *testing.T) {
	h := engine(t, "http://127.0.0.1:1", time.Second)
	for _, path := range []string{"/healthz", "/metrics", "/debug/pprof/", "/debug/pprof/heap"} {
		if w := call(h, "GET", path, ""); w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	text := call(h, "GET", "/metrics", "").Body.String()
	for _, want := range []string{`orders_total{result="ok"} 0`, `orders_total{result="error"} 0`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s before the first order", want)
		}
	}
}

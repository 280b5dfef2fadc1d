package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"squall.dev/shop/service"
)

func TestCharges(t *testing.T) {
	for _, c := range []struct {
		name, body string
		code       int
		answer     string
	}{
		{"honest", `{"order":"o-1","cents":1200}`, 200, `{"payment":"paid","by":"payment-7"}`},
		{"no order", `{"cents":1200}`, 400, "a charge is"},
		{"nothing to pay", `{"order":"o-1","cents":0}`, 400, "a charge is"},
		{"no JSON", `cents=12`, 400, "a charge is"},
		{"empty", ``, 400, "a charge is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk("payment-7", 0, service.NewRegistry())
			w := httptest.NewRecorder()
			d.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/payment", strings.NewReader(c.body)))
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.answer) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestACallerWhoLeftIsNotCharged(t *testing.T) {
	reg := service.NewRegistry()
	d := newDesk("payment-1", time.Hour, reg)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/payment",
		strings.NewReader(`{"order":"o-1","cents":1}`))
	d.ServeHTTP(httptest.NewRecorder(), r)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "payments_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			want := 0.0
			if m.GetLabel()[0].GetValue() == "gone" {
				want = 1
			}
			if got := m.GetCounter().GetValue(); got != want {
				t.Errorf("%v: %v, want %v", m.GetLabel(), got, want)
			}
		}
		return
	}
	t.Fatal("no payments_total")
}

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// bodyLimit is far above any honest charge and keeps a stray upload out.
const bodyLimit = 16 << 10

type charge struct {
	Order string `json:"order"`
	Cents int64  `json:"cents"`
}

type receipt struct {
	Payment string `json:"payment"`
	By      string `json:"by"`
}

// desk takes payments: it stands for a card network that needs a moment.
type desk struct {
	name  string
	work  time.Duration
	taken *prometheus.CounterVec
}

func newDesk(name string, work time.Duration, reg prometheus.Registerer) *desk {
	d := &desk{name: name, work: work, taken: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "payments_total",
		Help: "Charges asked for, by how they ended.",
	}, []string{"result"})}
	reg.MustRegister(d.taken)
	for _, result := range []string{"ok", "bad", "gone"} {
		d.taken.WithLabelValues(result)
	}
	return d
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var c charge
	body := json.NewDecoder(io.LimitReader(r.Body, bodyLimit))
	if err := body.Decode(&c); err != nil || c.Order == "" || c.Cents <= 0 {
		d.taken.WithLabelValues("bad").Inc()
		http.Error(w, "a charge is {\"order\": \"o-1\", \"cents\": 1200}", http.StatusBadRequest)
		return
	}
	if d.work > 0 {
		wait := time.NewTimer(d.work)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			// The caller gave up: nothing is charged and nothing is held.
			d.taken.WithLabelValues("gone").Inc()
			return
		}
	}
	d.taken.WithLabelValues("ok").Inc()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(receipt{Payment: "paid", By: d.name})
}

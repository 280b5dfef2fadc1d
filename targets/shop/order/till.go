package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// attempts is the first instance and one other: a third would make the
	// worst case longer than anyone waits.
	attempts = 2
	// answerLimit is far above any honest receipt.
	answerLimit = 16 << 10
)

// errDeclined is a payment's own "no": trying elsewhere would not change it.
var errDeclined = errors.New("payment declined")

// order is what the gateway sends, and what is kept while a payment is late.
type order struct {
	ID      string `json:"id"`
	Article string `json:"article"`
	Cents   int64  `json:"cents"`
}

// till asks the payment instances in turn.
//
// With no timeout it waits for as long as its caller does, as the shop is
// shipped. With one, a late or failed instance is left and the next is asked;
// if that is late too, the order is taken and its payment settled later.
type till struct {
	urls    []string
	timeout time.Duration
	client  *http.Client
	late    *ledger
	tries   *prometheus.CounterVec
	turn    atomic.Uint64
}

func newTill(urls []string, timeout time.Duration, client *http.Client, late *ledger, reg prometheus.Registerer) *till {
	t := &till{urls: urls, timeout: timeout, client: client, late: late,
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "order_payment_attempts_total",
			Help: "Payments asked of one instance, by how that ended.",
		}, []string{"result"})}
	reg.MustRegister(t.tries)
	for _, result := range []string{"ok", "late", "declined", "failed"} {
		t.tries.WithLabelValues(result)
	}
	return t
}

// Pay returns "paid", or "pending" where the payment will be settled later.
func (t *till) Pay(ctx context.Context, o order) (string, error) {
	first := t.turn.Add(1) - 1
	if t.timeout == 0 {
		return "paid", t.askAt(ctx, first, o)
	}
	for try := range uint64(attempts) {
		one, cancel := context.WithTimeout(ctx, t.timeout)
		err := t.askAt(one, first+try, o)
		cancel()
		switch {
		case err == nil:
			return "paid", nil
		case errors.Is(err, errDeclined):
			return "", err
		case ctx.Err() != nil:
			// The caller left: nobody would learn of a pending payment.
			return "", ctx.Err()
		}
	}
	if err := t.late.keep(o); err != nil {
		return "", err
	}
	return "pending", nil
}

// ask sends one charge to the instance whose turn it is.
func (t *till) ask(ctx context.Context, o order) error {
	return t.askAt(ctx, t.turn.Add(1)-1, o)
}

// askAt sends one charge to the instance of a turn: an order's second try goes
// to the neighbor of its first, whoever took turns in between. A request given
// up on is canceled, so that it holds neither a goroutine nor a connection.
func (t *till) askAt(ctx context.Context, turn uint64, o order) error {
	url := t.urls[int(turn%uint64(len(t.urls)))]
	err := t.send(ctx, url, o)
	result := "failed"
	switch {
	case err == nil:
		result = "ok"
	case errors.Is(err, errDeclined):
		result = "declined"
	case ctx.Err() != nil:
		result = "late"
	}
	t.tries.WithLabelValues(result).Inc()
	return err
}

func (t *till) send(ctx context.Context, url string, o order) error {
	body, err := json.Marshal(struct {
		Order string `json:"order"`
		Cents int64  `json:"cents"`
	}{o.ID, o.Cents})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/payment", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	// The key lets a charge that met a closing connection be sent again.
	req.Header.Set("Idempotency-Key", o.ID)
	res, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, answerLimit)); err != nil {
		return err
	}
	switch {
	case res.StatusCode == http.StatusOK:
		return nil
	case res.StatusCode >= 400 && res.StatusCode < 500:
		return fmt.Errorf("%w: status %d", errDeclined, res.StatusCode)
	}
	return fmt.Errorf("payment answered %d", res.StatusCode)
}

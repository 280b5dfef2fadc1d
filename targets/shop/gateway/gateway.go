package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"squall.dev/shop/service"
)

const (
	// bodyLimit is far above any honest order.
	bodyLimit = 64 << 10
	// route is the one spelling of the shop's public path.
	route = "/api/order"
	// statusGone is counted for a caller that left before its answer.
	statusGone = 499
)

// wish is what a customer sends; an empty body buys the house umbrella, so
// that a plain GET is an order too.
type wish struct {
	Article string `json:"article"`
	Cents   int64  `json:"cents"`
}

// front gives each order its id, passes it on, and gives up after limit.
type front struct {
	order  string
	limit  time.Duration
	client *http.Client
	orders *prometheus.CounterVec
	run    string
	next   atomic.Uint64
}

func newFront(order string, limit time.Duration, client *http.Client, run string, reg prometheus.Registerer) *front {
	f := &front{order: order, limit: limit, client: client, run: run,
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orders_total",
			Help: "Orders, by whether the customer got one.",
		}, []string{"result"})}
	reg.MustRegister(f.orders)
	// Both exist from the start: a share of nothing is not the same as no data.
	f.orders.WithLabelValues("ok")
	f.orders.WithLabelValues("error")
	return f
}

// newEngine puts the front and the looks inside behind Gin.
func newEngine(f *front, reg *prometheus.Registry) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	meter := service.NewMeter(reg)
	measure := func(c *gin.Context) {
		begin := time.Now()
		c.Next()
		meter.Observe(c.Request.Method, route, c.Writer.Status(), time.Since(begin))
	}
	engine.GET(route, measure, f.take)
	engine.POST(route, measure, f.take)
	inside := gin.WrapH(service.Inside(reg))
	for _, path := range []string{"/healthz", "/metrics", "/debug/pprof/*any"} {
		engine.GET(path, inside)
	}
	return engine
}

func (f *front) take(c *gin.Context) {
	w := wish{Article: "umbrella", Cents: 1200}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, bodyLimit))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &w)
	}
	if err != nil || w.Article == "" || w.Cents <= 0 {
		// A wish that cannot be read is no order: it counts as neither.
		c.JSON(http.StatusBadRequest, gin.H{"error": `an order is {"article": "umbrella", "cents": 1200}`})
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), f.limit)
	defer cancel()
	code, answer, err := f.pass(ctx, w)
	if err == nil && code == http.StatusOK {
		f.orders.WithLabelValues("ok").Inc()
		c.Data(code, "application/json", answer)
		return
	}
	f.orders.WithLabelValues("error").Inc()
	c.JSON(f.failure(c, ctx, code, err))
}

// failure says in a status whose fault it was.
func (f *front) failure(c *gin.Context, ctx context.Context, code int, err error) (int, gin.H) {
	switch {
	case c.Request.Context().Err() != nil:
		return statusGone, gin.H{"error": "the customer left"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return http.StatusGatewayTimeout, gin.H{"error": fmt.Sprintf("no order within %v", f.limit)}
	case err != nil:
		return http.StatusBadGateway, gin.H{"error": "order is out of reach"}
	case code >= 400 && code < 500:
		return code, gin.H{"error": "order was refused"}
	}
	return http.StatusBadGateway, gin.H{"error": "order failed"}
}

func (f *front) pass(ctx context.Context, w wish) (int, []byte, error) {
	id := f.run + "-" + strconv.FormatUint(f.next.Add(1), 10)
	body, err := json.Marshal(struct {
		ID string `json:"id"`
		wish
	}{id, w})
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.order+"/orders", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	// The key lets an order that met a closing connection be sent again.
	req.Header.Set("Idempotency-Key", id)
	res, err := f.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, bodyLimit))
	return res.StatusCode, answer, err
}

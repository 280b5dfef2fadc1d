package main

import (
	"context"
	stderrors "errors"
	"net"
	"net/http"
	"time"

	"github.com/go-kratos/kratos/v2/errors"
	kratos "github.com/go-kratos/kratos/v2/transport/http"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	squallhttp "github.com/squall-dev/squall/sdk/go/http"

	"squall.dev/shop/service"
)

const (
	// reserve is the one call of the inventory's contract (inventory.proto).
	reserve = "/shop.inventory.v1.Inventory/Reserve"
	// reserveLimit is generous for a look at a shelf in memory.
	reserveLimit = 500 * time.Millisecond
	// bodyLimit is far above any honest order.
	bodyLimit = 64 << 10
	// statusGone is what a caller that left would have been told.
	statusGone = 499
)

// desk takes orders: it reserves the article, then asks for the payment.
type desk struct {
	inventory grpc.ClientConnInterface
	till      *till
}

type taken struct {
	Order       string `json:"order"`
	Reservation string `json:"reservation"`
	Payment     string `json:"payment"`
}

// newServer puts the desk and the looks inside behind a Kratos HTTP server.
func newServer(l net.Listener, d *desk, reg *prometheus.Registry) *kratos.Server {
	meter := service.NewMeter(reg)
	measure := func(next http.Handler) http.Handler { return meter.Wrap("/orders", next) }
	hurt := func(next http.Handler) http.Handler { return squallhttp.Handler(next) }
	limit := func(next http.Handler) http.Handler {
		return http.MaxBytesHandler(next, bodyLimit)
	}
	// Kratos gives a request one second by default. The shop as shipped has no
	// deadline of its own in here: that is the weakness the demo shows.
	srv := kratos.NewServer(kratos.Listener(l), kratos.Timeout(0))
	srv.Route("/").POST("/orders", d.take, limit, measure, hurt)
	inside := service.Inside(reg)
	for _, path := range []string{"/healthz", "/metrics", "/debug/pprof"} {
		srv.HandlePrefix(path, inside)
	}
	return srv
}

func (d *desk) take(ctx kratos.Context) error {
	var o order
	if err := ctx.Bind(&o); err != nil {
		return errors.BadRequest("NOT_AN_ORDER", err.Error())
	}
	if o.ID == "" || o.Article == "" || o.Cents <= 0 {
		return errors.BadRequest("NOT_AN_ORDER", "an order has an id, an article and a price")
	}
	reservation, err := d.reserve(ctx, o.Article)
	if err != nil {
		return err
	}
	payment, err := d.till.Pay(ctx, o)
	switch {
	case err == nil:
		return ctx.Result(http.StatusOK, taken{Order: o.ID, Reservation: reservation, Payment: payment})
	case stderrors.Is(err, errDeclined):
		return errors.New(http.StatusPaymentRequired, "DECLINED", err.Error())
	case stderrors.Is(err, context.Canceled):
		return errors.New(statusGone, "CALLER_LEFT", "the caller left before the payment came")
	}
	return errors.ServiceUnavailable("PAYMENT", err.Error())
}

func (d *desk) reserve(ctx context.Context, article string) (string, error) {
	one, cancel := context.WithTimeout(ctx, reserveLimit)
	defer cancel()
	out := new(wrapperspb.StringValue)
	if err := d.inventory.Invoke(one, reserve, wrapperspb.String(article), out); err != nil {
		if status.Code(err) == codes.NotFound {
			return "", errors.NotFound("ARTICLE", status.Convert(err).Message())
		}
		return "", errors.ServiceUnavailable("INVENTORY", err.Error())
	}
	return out.GetValue(), nil
}

package squallkratos_test

import (
	"context"
	"testing"
	"time"

	kratos "github.com/go-kratos/kratos/v2/errors"
	"github.com/go-kratos/kratos/v2/transport"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/hooktest"
	squallkratos "github.com/squall-dev/squall/sdk/go/kratos"
)

// carrier is a request as Kratos describes it to its middleware.
type carrier struct {
	transport.Transporter
	kind   transport.Kind
	header header
}

type header map[string]string

func (h header) Get(key string) string      { return h[key] }
func (h header) Set(key, value string)      { h[key] = value }
func (h header) Add(key, value string)      { h[key] = value }
func (h header) Keys() []string             { return nil }
func (h header) Values(key string) []string { return []string{h[key]} }

func (c carrier) Kind() transport.Kind            { return c.kind }
func (c carrier) Operation() string               { return "/shop.Order/Place" }
func (c carrier) RequestHeader() transport.Header { return c.header }

func call(kind transport.Kind) (any, error) {
	ctx := transport.NewServerContext(context.Background(), carrier{kind: kind, header: header{"x-canary": "yes"}})
	return squallkratos.Server()(func(ctx context.Context, request any) (any, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
			return request, nil
		}
	})(ctx, "order")
}

func TestOperationsAreHurtInTheirOwnProtocol(t *testing.T) {
	untouched := func(what string, kind transport.Kind) {
		t.Helper()
		if reply, err := call(kind); reply != "order" || err != nil {
			t.Errorf("%s: %v, %v", what, reply, err)
		}
	}
	untouched("idle", transport.KindHTTP)
	match := hook.Match{Route: "/shop.Order/*", Header: "x-canary=yes"}

	disarm := hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPServer, Match: match, Effect: hook.Effect{Status: 503, Message: "away"}})
	if _, err := call(transport.KindHTTP); kratos.Code(err) != 503 || kratos.Reason(err) != "SQUALL" {
		t.Errorf("%v", err)
	}
	untouched("the other protocol", transport.KindGRPC)
	disarm()

	disarm = hooktest.Arm(t, &hook.Rule{Site: &hook.GRPCServer, Match: match, Effect: hook.Effect{Code: uint32(codes.Aborted)}})
	if _, err := call(transport.KindGRPC); status.Code(err) != codes.Aborted {
		t.Errorf("%v", err)
	}
	disarm()

	disarm = hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPServer, Effect: hook.Effect{Deadline: time.Millisecond}})
	if _, err := call(transport.KindHTTP); kratos.Code(err) != 504 {
		t.Errorf("%v", err)
	}
	disarm()
	untouched("idle again", transport.KindHTTP)
}

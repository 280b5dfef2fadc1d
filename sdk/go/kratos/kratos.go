// Package squallkratos lets Squall hurt the requests that a Kratos service serves and sends, over
// HTTP and gRPC alike.
//
//	http.NewServer(http.Middleware(squallkratos.Server()))
//	grpc.NewServer(grpc.Middleware(squallkratos.Server()))
//	grpc.DialInsecure(ctx, grpc.WithMiddleware(squallkratos.Client()))
//
// The route that rules see is Kratos' operation, such as /shop.Order/Place. Errors are Kratos
// errors, so that clients get the status in their own protocol.
package squallkratos

import (
	"context"
	"errors"

	kratos "github.com/go-kratos/kratos/v2/errors"
	"github.com/go-kratos/kratos/v2/middleware"
	"github.com/go-kratos/kratos/v2/transport"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/squall-dev/squall/sdk/go/hook"
)

// reason marks the errors that a fault made.
const reason = "SQUALL"

// Server is the middleware of a server.
func Server() middleware.Middleware {
	return wrap(transport.FromServerContext, &hook.HTTPServer, &hook.GRPCServer)
}

// Client is the middleware of a client.
func Client() middleware.Middleware {
	return wrap(transport.FromClientContext, &hook.HTTPClient, &hook.GRPCClient)
}

func wrap(from func(context.Context) (transport.Transporter, bool), http, grpc *hook.Site) middleware.Middleware {
	return func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, request any) (any, error) {
			overHTTP, overGRPC := http.Armed(), grpc.Armed()
			if overHTTP == nil && overGRPC == nil {
				return next(ctx, request)
			}
			carrier, ok := from(ctx)
			if !ok {
				return next(ctx, request)
			}
			set := overHTTP
			if carrier.Kind() == transport.KindGRPC {
				set = overGRPC
			}
			if set == nil {
				return next(ctx, request)
			}
			return hurt(ctx, set, carrier, request, next)
		}
	}
}

func hurt(ctx context.Context, set *hook.Set, carrier transport.Transporter, request any, next middleware.Handler) (any, error) {
	hit := set.Pick(hook.Request{Route: carrier.Operation(), Headers: carrier.RequestHeader()})
	if hit == nil {
		return next(ctx, request)
	}
	defer hit.End()
	if err := hit.Hold(ctx); err != nil {
		return nil, err
	}
	hit.Panic()
	switch effect := hit.Effect; {
	case effect.Status != 0:
		return nil, kratos.New(effect.Status, reason, effect.Message)
	case effect.Code != 0:
		return nil, status.Error(codes.Code(effect.Code), effect.Message)
	case effect.Fail:
		return nil, kratos.ServiceUnavailable(reason, "connection failed on purpose")
	}
	cut, cancel := hit.Cut(ctx)
	defer cancel()
	reply, err := next(cut, request)
	if err != nil && errors.Is(context.Cause(cut), hook.Shrunk) {
		return nil, kratos.GatewayTimeout(reason, hook.Shrunk.Error())
	}
	return reply, err
}

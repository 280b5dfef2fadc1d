package squallgrpc

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/squall-dev/squall/sdk/go/hook"
)

// domain marks the details that go.grpc-status sends along.
const domain = "squall"

// headers are metadata as a rule sees them.
type headers metadata.MD

// Get implements hook.Headers.
func (h headers) Get(name string) string {
	if values := metadata.MD(h).Get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Unary is the interceptor of a server's unary methods.
func Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		set := hook.GRPCServer.Armed()
		if set == nil {
			return next(ctx, request)
		}
		md, _ := metadata.FromIncomingContext(ctx)
		var reply any
		err := hurt(ctx, set, info.FullMethod, md, func(ctx context.Context) (err error) {
			reply, err = next(ctx, request)
			return err
		})
		return reply, err
	}
}

// Stream is the interceptor of a server's streams.
func Stream() grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		set := hook.GRPCServer.Armed()
		if set == nil {
			return next(service, stream)
		}
		md, _ := metadata.FromIncomingContext(stream.Context())
		return hurt(stream.Context(), set, info.FullMethod, md, func(ctx context.Context) error {
			return next(service, &within{stream, ctx})
		})
	}
}

// within is a stream with another context.
type within struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (w *within) Context() context.Context { return w.ctx }

// UnaryClient is the interceptor of a client's unary calls.
func UnaryClient() grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, next grpc.UnaryInvoker, options ...grpc.CallOption) error {
		set := hook.GRPCClient.Armed()
		if set == nil {
			return next(ctx, method, request, reply, conn, options...)
		}
		md, _ := metadata.FromOutgoingContext(ctx)
		return hurt(ctx, set, method, md, func(ctx context.Context) error {
			return next(ctx, method, request, reply, conn, options...)
		})
	}
}

// StreamClient is the interceptor of a client's streams. A deadline that was cut covers the
// stream until it ends; the limit on requests in flight covers its opening.
func StreamClient() grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, next grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
		set := hook.GRPCClient.Armed()
		if set == nil {
			return next(ctx, desc, conn, method, options...)
		}
		md, _ := metadata.FromOutgoingContext(ctx)
		hit := set.Pick(hook.Request{Route: method, Headers: headers(md)})
		if hit == nil {
			return next(ctx, desc, conn, method, options...)
		}
		defer hit.End()
		if err := refuse(ctx, hit); err != nil {
			return nil, err
		}
		cut, cancel := hit.Cut(ctx)
		stream, err := next(cut, desc, conn, method, options...)
		if err != nil {
			cancel()
			return nil, err
		}
		// The stream's context ends with the stream, and the deadline's timer with it.
		context.AfterFunc(stream.Context(), cancel)
		return stream, nil
	}
}

// hurt carries one call past the rules.
func hurt(ctx context.Context, set *hook.Set, method string, md metadata.MD, next func(context.Context) error) error {
	hit := set.Pick(hook.Request{Route: method, Headers: headers(md)})
	if hit == nil {
		return next(ctx)
	}
	defer hit.End()
	if err := refuse(ctx, hit); err != nil {
		return err
	}
	cut, cancel := hit.Cut(ctx)
	defer cancel()
	err := next(cut)
	if err != nil && errors.Is(context.Cause(cut), hook.Shrunk) {
		return status.FromContextError(hook.Shrunk).Err()
	}
	return err
}

// refuse holds a call, then answers it in the method's place where the hit says so.
func refuse(ctx context.Context, hit *hook.Hit) error {
	if err := hit.Hold(ctx); err != nil {
		return status.FromContextError(err).Err()
	}
	if hit.Effect.Code == 0 {
		return nil
	}
	answer := status.New(codes.Code(hit.Effect.Code), hit.Effect.Message)
	for _, reason := range hit.Effect.Details {
		if detailed, err := answer.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: domain}); err == nil {
			answer = detailed
		}
	}
	return answer.Err()
}

package squallgrpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	squallgrpc "github.com/squall-dev/squall/sdk/go/grpc"
	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/hooktest"
)

const (
	check = "/grpc.health.v1.Health/Check"
	watch = "/grpc.health.v1.Health/Watch"
)

// dial starts a real server with a real client; both have every interceptor.
func dial(t testing.TB) healthpb.HealthClient {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(squallgrpc.Unary()), grpc.ChainStreamInterceptor(squallgrpc.Stream()))
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///buf",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(squallgrpc.UnaryClient()), grpc.WithChainStreamInterceptor(squallgrpc.StreamClient()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return healthpb.NewHealthClient(conn)
}

func TestUnaryCallsAreHurtOnlyWhereARuleSaysSo(t *testing.T) {
	client := dial(t)
	ctx := metadata.AppendToOutgoingContext(context.Background(), "baggage", "tenant=acme")
	call := func() error {
		_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		return err
	}
	for _, site := range []*hook.Site{&hook.GRPCServer, &hook.GRPCClient} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
		effect := hook.Effect{Code: uint32(codes.ResourceExhausted), Message: "full", Details: []string{"QUOTA"}}
		disarm := hooktest.Arm(t, &hook.Rule{Site: site, Match: hook.Match{Route: check, Tenant: "acme"}, Effect: effect})
		got := status.Convert(call())
		if got.Code() != codes.ResourceExhausted || got.Message() != "full" || len(got.Details()) != 1 {
			t.Errorf("%v", got)
		} else if info, ok := got.Details()[0].(*errdetails.ErrorInfo); !ok || info.Reason != "QUOTA" {
			t.Errorf("%v", got.Details())
		}
		disarm()
		disarm = hooktest.Arm(t, &hook.Rule{Site: site, Match: hook.Match{Tenant: "other"}, Effect: effect})
		if err := call(); err != nil {
			t.Errorf("another tenant was hurt: %v", err)
		}
		disarm()
		disarm = hooktest.Arm(t, &hook.Rule{Site: site, Effect: hook.Effect{Delay: 30 * time.Millisecond}})
		begin := time.Now()
		if err := call(); err != nil || time.Since(begin) < 30*time.Millisecond {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		disarm()
	}
}

func TestAMethodSeesADeadlineThatWasCut(t *testing.T) {
	slow := func(ctx context.Context, _ any) (any, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	hooktest.Arm(t, &hook.Rule{Site: &hook.GRPCServer, Effect: hook.Effect{Deadline: time.Millisecond}})
	_, err := squallgrpc.Unary()(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: check}, slow)
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%v", err)
	}
}

func TestStreamsAreHurtAsTheyOpenAndGoOnOtherwise(t *testing.T) {
	client := dial(t)
	open := func() error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	for _, site := range []*hook.Site{&hook.GRPCServer, &hook.GRPCClient} {
		disarm := hooktest.Arm(t, &hook.Rule{Site: site, Match: hook.Match{Route: watch}, Effect: hook.Effect{Code: uint32(codes.Unavailable)}})
		if err := open(); status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		disarm()
	}
	disarm := hooktest.Arm(t, &hook.Rule{Site: &hook.GRPCClient, Effect: hook.Effect{Deadline: 30 * time.Millisecond}})
	stream, err := client.Watch(context.Background(), &healthpb.HealthCheckRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) || status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a stream outlived its cut deadline: %v", err)
	}
	disarm()
	if err := open(); err != nil {
		t.Error(err)
	}
}

func TestIdleInterceptorsAllocateNothing(t *testing.T) {
	unary, ctx := squallgrpc.Unary(), context.Background()
	next := func(context.Context, any) (any, error) { return nil, nil }
	info := &grpc.UnaryServerInfo{FullMethod: check}
	if n := testing.AllocsPerRun(100, func() { _, _ = unary(ctx, nil, info, next) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUnary(b *testing.B) {
	ctx := context.Background()
	next := func(context.Context, any) (any, error) { return nil, nil }
	info := &grpc.UnaryServerInfo{FullMethod: check}
	empty := func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return next(ctx, request)
	}
	for name, interceptor := range map[string]grpc.UnaryServerInterceptor{"empty": empty, "idle": squallgrpc.Unary()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = interceptor(ctx, nil, info, next)
			}
		})
	}
}

func ExampleUnary() {
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(squallgrpc.Unary()),
		grpc.ChainStreamInterceptor(squallgrpc.Stream()),
	)
	server.Stop()
}

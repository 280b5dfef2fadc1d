// Command inventory keeps the shop's stock and answers over gRPC.
package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"squall.dev/shop/service"
)

const (
	// drainLimit ends a graceful stop that a stuck call would hold.
	drainLimit = 3 * time.Second
	// shelf is one minute of orders for one article at the demo's rate.
	shelf = 30_000
)

func main() { service.Exit("inventory", run()) }

func run() error {
	port := flag.Int("port", 8082, "gRPC port on 127.0.0.1")
	inside := flag.Int("inside", 8092, "port on 127.0.0.1 for /metrics, /healthz and /debug/pprof")
	flag.Parse()
	ctx, stop := service.UntilSignal()
	defer stop()
	calls, err := service.Loopback(*port)
	if err != nil {
		return err
	}
	looks, err := service.Loopback(*inside)
	if err != nil {
		return err
	}
	reg := service.NewRegistry()
	srv := newServer(newStock([]string{"umbrella", "raincoat", "boots"}, shelf, reg), service.NewMeter(reg))
	ended := make(chan error, 2)
	go func() { ended <- service.Serve(ctx, looks, service.Inside(reg)) }()
	go func() { ended <- serve(ctx, srv, calls) }()
	first := <-ended
	stop()
	return errors.Join(first, <-ended)
}

func newServer(s *stock, m *service.Meter) *grpc.Server {
	srv := grpc.NewServer(grpc.UnaryInterceptor(measure(m)))
	srv.RegisterService(&description, s)
	healthy := health.NewServer()
	healthy.SetServingStatus(description.ServiceName, healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(srv, healthy)
	return srv
}

// serve answers until ctx ends, then lets the calls in flight finish.
func serve(ctx context.Context, srv *grpc.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	force := time.AfterFunc(drainLimit, srv.Stop)
	defer force.Stop()
	srv.GracefulStop()
	return nil
}

package main

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"squall.dev/shop/service"
)

// start runs a real server on a free port and returns a connection to it.
func start(t *testing.T, s *stock) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	srv := newServer(s, service.NewMeter(service.NewRegistry()))
	go func() { ended <- serve(ctx, srv, l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("a wanted stop failed: %v", err)
		}
	})
	return conn
}

func reserve(t *testing.T, conn *grpc.ClientConn, article string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	out := new(wrapperspb.StringValue)
	err := conn.Invoke(ctx, method, wrapperspb.String(article), out)
	return out.GetValue(), err
}

func TestReserve(t *testing.T) {
	conn := start(t, newStock([]string{"umbrella"}, 0, service.NewRegistry()))
	if _, err := reserve(t, conn, "anvil"); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown article gave %v", err)
	}
	if _, err := reserve(t, conn, "umbrella"); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("an empty shelf gave %v", err)
	}
}

func TestReservationsAreDistinctAndTheShelfIsRefilled(t *testing.T) {
	s := newStock([]string{"boots"}, 3, service.NewRegistry())
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[uint64]bool{}
	for range 100 {
		wg.Go(func() {
			id, err := s.take("boots")
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[id] {
				t.Errorf("reservation %d: %v, seen before: %v", id, err, seen[id])
			}
			seen[id] = true
		})
	}
	wg.Wait()
	conn := start(t, s)
	if id, err := reserve(t, conn, "boots"); err != nil || id != "r-101" {
		t.Errorf("%q, %v", id, err)
	}
}

func TestHealth(t *testing.T) {
	conn := start(t, newStock(nil, 0, service.NewRegistry()))
	res, err := healthpb.NewHealthClient(conn).Check(t.Context(),
		&healthpb.HealthCheckRequest{Service: "shop.inventory.v1.Inventory"})
	if err != nil || res.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("%v, %v", res, err)
	}
}

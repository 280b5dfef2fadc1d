package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"squall.dev/shop/service"
)

// method is the route's one spelling: in the metrics and on the wire.
const method = "/shop.inventory.v1.Inventory/Reserve"

// inventory is what the hand-written description below asks of a server.
type inventory interface {
	Reserve(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
}

// description says in Go what inventory.proto says.
var description = grpc.ServiceDesc{
	ServiceName: "shop.inventory.v1.Inventory",
	HandlerType: (*inventory)(nil),
	Metadata:    "inventory.proto",
	Methods: []grpc.MethodDesc{{
		MethodName: "Reserve",
		Handler: func(srv any, ctx context.Context, decode func(any) error, wrap grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.StringValue)
			if err := decode(in); err != nil {
				return nil, err
			}
			if wrap == nil {
				return srv.(inventory).Reserve(ctx, in)
			}
			info := &grpc.UnaryServerInfo{Server: srv, FullMethod: method}
			return wrap(ctx, in, info, func(ctx context.Context, in any) (any, error) {
				return srv.(inventory).Reserve(ctx, in.(*wrapperspb.StringValue))
			})
		},
	}},
}

// stock is the shop's shelf. It is refilled when an article runs out, since a
// shop that sells 500 pieces a second would otherwise end its own test.
type stock struct {
	reserved *prometheus.CounterVec
	refill   int

	mu   sync.Mutex
	left map[string]int
	next uint64
}

func newStock(articles []string, refill int, reg prometheus.Registerer) *stock {
	s := &stock{
		refill: refill,
		left:   make(map[string]int, len(articles)),
		reserved: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reservations_total",
			Help: "Reservations asked for, by how they ended.",
		}, []string{"result"}),
	}
	for _, a := range articles {
		s.left[a] = refill
	}
	reg.MustRegister(s.reserved)
	return s
}

func (s *stock) Reserve(_ context.Context, article *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	id, err := s.take(article.GetValue())
	if err != nil {
		s.reserved.WithLabelValues("refused").Inc()
		return nil, err
	}
	s.reserved.WithLabelValues("ok").Inc()
	return wrapperspb.String("r-" + strconv.FormatUint(id, 10)), nil
}

func (s *stock) take(article string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left, known := s.left[article]
	if !known {
		return 0, status.Errorf(codes.NotFound, "no article %q", article)
	}
	if left == 0 {
		if s.refill == 0 {
			return 0, status.Errorf(codes.ResourceExhausted, "no %q left", article)
		}
		left = s.refill
	}
	s.left[article] = left - 1
	s.next++
	return s.next, nil
}

// measure counts calls under the same names as the HTTP services do, with the
// gRPC code in place of the status.
func measure(m *service.Meter) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		begin := time.Now()
		out, err := next(ctx, in)
		m.Observe("POST", info.FullMethod, int(status.Code(err)), time.Since(begin))
		return out, err
	}
}

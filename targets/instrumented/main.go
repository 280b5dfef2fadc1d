// Command instrumented is a process with every hook of the SDK, for the tests: it serves HTTP,
// calls itself over gRPC, waits for a lock and for a connection again and again, and says under
// /stats how that goes. /stats itself has no hook.
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	squall "github.com/squall-dev/squall/sdk/go"
	squallgrpc "github.com/squall-dev/squall/sdk/go/grpc"
	squallhttp "github.com/squall-dev/squall/sdk/go/http"
)

// every is how often the process tries what its stats tell of.
const every = 5 * time.Millisecond

// stats are what an observer reads.
type stats struct {
	Goroutines int     `json:"goroutines"`
	HeapMiB    float64 `json:"heap_mib"`
	GCCycles   uint64  `json:"gc_cycles"`
	LockWaitMs float64 `json:"lock_wait_ms"`
	GRPCMs     float64 `json:"grpc_ms"`
	GRPCCode   uint32  `json:"grpc_code"`
	PoolMs     float64 `json:"pool_ms"`
	Flushed    uint32  `json:"flushed"`
	Connected  bool    `json:"connected"`
}

var (
	lockWait, grpcTook, poolTook atomic.Int64
	grpcCode, flushed            atomic.Uint32
)

func main() {
	listen := "127.0.0.1:8080"
	if len(os.Args) > 1 {
		listen = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	stock, pool := &sync.Mutex{}, sql.OpenDB(connector{})
	pool.SetMaxOpenConns(2)
	for _, err := range []error{
		squall.RegisterLock("stock", stock), squall.RegisterDB("default", pool), squall.Register(flush{}),
	} {
		if err != nil {
			log.Fatal(err)
		}
	}
	agent := squall.Start(squall.WithService("instrumented"), squall.WithSignals(syscall.SIGTERM))
	defer agent.Stop()
	client, err := dial()
	if err != nil {
		log.Fatal(err)
	}
	go again(ctx, func() { time.Sleep(every); lockWait.Store(took(func() { stock.Lock(); stock.Unlock() })) }) //nolint:staticcheck // the wait is what is measured
	go again(ctx, func() { time.Sleep(every); grpcTook.Store(took(func() { call(ctx, client) })) })
	go again(ctx, func() { time.Sleep(every); poolTook.Store(took(func() { borrow(ctx, pool) })) })
	serve(ctx, listen, agent)
}

func serve(ctx context.Context, listen string, agent *squall.Agent) {
	hurt := http.NewServeMux()
	hurt.HandleFunc("/victim", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	hurt.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(50 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
			_, _ = io.WriteString(w, "hello")
		case <-r.Context().Done():
			_, _ = io.WriteString(w, context.Cause(r.Context()).Error())
		}
	})
	mux := http.NewServeMux()
	mux.Handle("/", squallhttp.Handler(hurt))
	mux.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(read(agent))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(body)
	})
	server := &http.Server{Addr: listen, Handler: mux, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

func read(agent *squall.Agent) stats {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	ms := func(took *atomic.Int64) float64 { return float64(took.Load()) / 1e6 }
	return stats{
		Goroutines: runtime.NumGoroutine(), HeapMiB: float64(sample[0].Value.Uint64()) / (1 << 20),
		GCCycles: sample[1].Value.Uint64(), LockWaitMs: ms(&lockWait), GRPCMs: ms(&grpcTook),
		GRPCCode: grpcCode.Load(), PoolMs: ms(&poolTook), Flushed: flushed.Load(), Connected: agent.IsConnected(),
	}
}

func again(ctx context.Context, f func()) {
	for ctx.Err() == nil {
		f()
	}
}

func took(f func()) int64 {
	begin := time.Now()
	f()
	return int64(time.Since(begin))
}

// dial serves gRPC and calls it, inside this process.
func dial() (healthpb.HealthClient, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(squallgrpc.Unary()))
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(squallgrpc.UnaryClient()))
	return healthpb.NewHealthClient(conn), err
}

func call(ctx context.Context, client healthpb.HealthClient) {
	_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
	grpcCode.Store(uint32(status.Code(err)))
}

func borrow(ctx context.Context, pool *sql.DB) {
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if conn, err := pool.Conn(short); err == nil {
		_ = conn.Close()
	}
}

// flush is a probe of the process's own.
type flush struct{}

// Name implements squall.Probe.
func (flush) Name() string { return "cache.flush" }

// Exec implements squall.Probe.
func (flush) Exec(_ context.Context, _ string, params map[string]string) (func() error, error) {
	if params["what"] == "" {
		return nil, errors.New("what: say which cache")
	}
	flushed.Store(1)
	return func() error { flushed.Store(0); return nil }, nil
}

// connector is a database that is always there and holds nothing.
type connector struct{}

func (connector) Connect(context.Context) (driver.Conn, error) { return conn{}, nil }
func (connector) Driver() driver.Driver                        { return nil }

type conn struct{}

func (conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("holds nothing") }
func (conn) Close() error                        { return nil }
func (conn) Begin() (driver.Tx, error)           { return nil, errors.New("holds nothing") }

package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// drainLimit ends a stop that would wait on a stuck request for ever;
	// the longest honest order takes 800 ms.
	drainLimit = 3 * time.Second
	// headerLimit drops a connection that never sends its request.
	headerLimit = 5 * time.Second
	// idleLimit is longer than every client's own, so that clients close first
	// and no request is sent into a closing connection.
	idleLimit = 2 * time.Minute
	// connsPerPeer holds the connections that 500 orders a second need while
	// each waits a second.
	connsPerPeer = 1024
)

// UntilSignal returns a context that ends on SIGTERM or SIGINT.
func UntilSignal() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
}

// Inside returns the routes by which a service is looked into:
// /healthz, /metrics and /debug/pprof.
func Inside(reg *prometheus.Registry) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// Loopback listens on 127.0.0.1 only: the shop is made to be broken, and
// nobody else should be able to reach it.
func Loopback(port int) (net.Listener, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	return l, nil
}

// Serve answers on l until ctx ends, then lets the requests in flight finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		return errors.Join(err, srv.Close())
	}
	return nil
}

// Transport returns a client transport with room for every order in flight.
// Idle connections are closed each refresh, so that a change of the way to the
// peer (another address, a proxy put in between) is met by new connections
// within that time. Ending ctx ends the refreshing.
func Transport(ctx context.Context, refresh time.Duration) *http.Transport {
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		MaxIdleConns:        2 * connsPerPeer,
		MaxIdleConnsPerHost: connsPerPeer,
		IdleConnTimeout:     idleLimit / 2,
		DisableCompression:  true,
	}
	if refresh > 0 {
		go func() {
			tick := time.NewTicker(refresh)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					t.CloseIdleConnections()
				}
			}
		}()
	}
	return t
}

// Env returns the variable's value, or the one given where it is unset.
func Env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// EnvDuration is Env for a duration; a value that is none is an error that
// names the variable, never a silent default.
func EnvDuration(name string, otherwise time.Duration) (time.Duration, error) {
	v := os.Getenv(name)
	if v == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s=%q is no duration such as 120ms", name, v)
	}
	return d, nil
}

// Exit ends the process: quietly after a wanted stop, with one line otherwise.
func Exit(name string, err error) {
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	os.Exit(1)
}

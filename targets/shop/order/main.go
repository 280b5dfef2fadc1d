// Command order takes orders: a Kratos HTTP server that asks inventory over
// gRPC and payment over HTTP.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/go-kratos/kratos/v2"
	"github.com/go-kratos/kratos/v2/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	squall "github.com/squall-dev/squall/sdk/go"
	squallgrpc "github.com/squall-dev/squall/sdk/go/grpc"
	squallhttp "github.com/squall-dev/squall/sdk/go/http"

	"squall.dev/shop/service"
)

// refresh is how soon a changed way to a payment instance is met.
const refresh = time.Second

func main() { service.Exit("order", run()) }

func run() error {
	port := flag.Int("port", 8081, "port on 127.0.0.1")
	flag.Parse()
	timeout, err := service.EnvDuration("ORDER_PAYMENT_TIMEOUT", 0)
	if err != nil {
		return err
	}
	urls, err := payments(service.Env("PAYMENT_URLS", "http://127.0.0.1:8083,http://127.0.0.1:8084"))
	if err != nil {
		return err
	}
	ctx, stop := service.UntilSignal()
	defer stop()
	conn, err := grpc.NewClient(service.Env("INVENTORY_ADDR", "127.0.0.1:8082"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(squallgrpc.UnaryClient()))
	if err != nil {
		return err
	}
	defer conn.Close()
	// Off unless SQUALL_AGENT is set; the other services stay without it, so that both ways are
	// tested.
	agent := squall.Start(squall.WithService("order"), squall.WithSignals(syscall.SIGTERM))
	defer agent.Stop()
	reg := service.NewRegistry()
	late := newLedger(ledgerLimit, reg)
	t := newTill(urls, timeout, &http.Client{Transport: squallhttp.Transport(service.Transport(ctx, refresh))}, late, reg)
	l, err := service.Loopback(*port)
	if err != nil {
		return err
	}
	go late.settle(ctx, t.ask, backOff)
	// No line per request: at 500 orders a second logging would be the load.
	quiet := log.NewFilter(log.NewStdLogger(os.Stderr), log.FilterLevel(log.LevelError))
	log.SetLogger(quiet)
	app := kratos.New(
		kratos.Name("order"),
		kratos.Context(ctx),
		kratos.Logger(quiet),
		kratos.StopTimeout(3*time.Second),
		kratos.Server(newServer(l, &desk{inventory: conn, till: t}, reg)),
	)
	err = app.Run()
	if left := len(late.queue); left > 0 {
		err = errors.Join(err, fmt.Errorf("%d late payments were not settled", left))
	}
	return err
}

// payments reads the comma-separated list of instances.
func payments(list string) ([]string, error) {
	var urls []string
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimRight(strings.TrimSpace(one), "/")
		u, err := url.Parse(one)
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return nil, fmt.Errorf("PAYMENT_URLS: %q is no address such as http://127.0.0.1:8083", one)
		}
		urls = append(urls, one)
	}
	return urls, nil
}

// Command gateway is the shop's front door, on Gin.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"squall.dev/shop/service"
)

func main() { service.Exit("gateway", run()) }

func run() error {
	port := flag.Int("port", 8080, "port on 127.0.0.1")
	flag.Parse()
	limit, err := service.EnvDuration("GATEWAY_ORDER_TIMEOUT", 800*time.Millisecond)
	if err != nil {
		return err
	}
	if limit == 0 {
		return errors.New("GATEWAY_ORDER_TIMEOUT=0 would refuse every order; give a duration such as 800ms")
	}
	order := strings.TrimRight(service.Env("ORDER_URL", "http://127.0.0.1:8081"), "/")
	if u, err := url.Parse(order); err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("ORDER_URL: %q is no address such as http://127.0.0.1:8081", order)
	}
	ctx, stop := service.UntilSignal()
	defer stop()
	reg := service.NewRegistry()
	client := &http.Client{Transport: service.Transport(ctx, 0)}
	// The start time keeps the ids of two runs apart.
	id := "o" + strconv.FormatInt(time.Now().Unix(), 36)
	l, err := service.Loopback(*port)
	if err != nil {
		return err
	}
	return service.Serve(ctx, l, newEngine(newFront(order, limit, client, id, reg), reg))
}

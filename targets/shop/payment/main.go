// Command payment takes payments over plain net/http.
package main

import (
	"flag"
	"time"

	"squall.dev/shop/service"
)

func main() { service.Exit("payment", run()) }

func run() error {
	port := flag.Int("port", 8083, "port on 127.0.0.1")
	name := flag.String("name", service.Env("SERVICE_NAME", "payment-1"), "instance name, sent with each receipt")
	flag.Parse()
	work, err := service.EnvDuration("PAYMENT_WORK", 3*time.Millisecond)
	if err != nil {
		return err
	}
	ctx, stop := service.UntilSignal()
	defer stop()
	reg := service.NewRegistry()
	mux := service.Inside(reg)
	mux.Handle("POST /api/payment",
		service.NewMeter(reg).Wrap("/api/payment", newDesk(*name, work, reg)))
	l, err := service.Loopback(*port)
	if err != nil {
		return err
	}
	return service.Serve(ctx, l, mux)
}

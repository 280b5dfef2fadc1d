// Command controller looks after a running shop from outside: it waits until
// every service is ready, and it sends orders at a constant rate and says what
// they cost. It is a module of its own, so that what it needs never reaches
// the services.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `usage:
  controller wait [-for 20s] URL...                          until every URL answers 200
  controller load [-rate 500] [-for 20s] [-cost URL,...] URL  open-loop orders, and the CPU they cost`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "controller:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	long := flags.Duration("for", 20*time.Second, "how long")
	rate := flags.Int("rate", 500, "orders a second")
	cost := flags.String("cost", "", "metrics addresses of the services, with commas")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "wait":
		return wait(ctx, *long, flags.Args())
	case "load":
		if flags.NArg() != 1 || *rate < 1 {
			return errors.New(usage)
		}
		var services []string
		if *cost != "" {
			services = strings.Split(*cost, ",")
		}
		return load(ctx, flags.Arg(0), *rate, *long, services)
	}
	return errors.New(usage)
}

// wait returns once every URL has answered 200, or names those that did not.
func wait(ctx context.Context, long time.Duration, urls []string) error {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	begin := time.Now()
	for {
		var missing []string
		for _, u := range urls {
			if err := ready(ctx, u); err != nil {
				missing = append(missing, err.Error())
			}
		}
		if len(missing) == 0 {
			fmt.Printf("%d of %d ready after %v\n", len(urls), len(urls), time.Since(begin).Round(time.Millisecond))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d not ready after %v: %s", len(missing), len(urls), long, strings.Join(missing, "; "))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d", url, res.StatusCode)
	}
	return nil
}

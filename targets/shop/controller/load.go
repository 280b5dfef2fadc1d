package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	// inFlight bounds the orders waiting at once: ten seconds at 500 a second.
	inFlight = 5000
	// orderLimit is far above the gateway's own limit.
	orderLimit = 10 * time.Second
)

type answer struct {
	took time.Duration
	code int
}

// load sends orders at a constant rate, whether or not earlier ones were
// answered, and times each from the moment it was due: a slow shop cannot slow
// its own test.
func load(ctx context.Context, url string, rate int, long time.Duration, services []string) error {
	before, err := spent(ctx, services)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: orderLimit, Transport: &http.Transport{
		MaxIdleConns: inFlight, MaxIdleConnsPerHost: inFlight,
	}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var answers []answer
	slots := make(chan struct{}, inFlight)
	total := int(long.Seconds() * float64(rate))
	begin := time.Now()
	for n := 0; n < total && ctx.Err() == nil; n++ {
		due := begin.Add(time.Duration(n) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		slots <- struct{}{}
		wg.Go(func() {
			code := send(ctx, client, url)
			mu.Lock()
			answers = append(answers, answer{time.Since(due), code})
			mu.Unlock()
			<-slots
		})
	}
	wg.Wait()
	took := time.Since(begin)
	after, err := spent(ctx, services)
	if err != nil {
		return err
	}
	report(answers, took, services, before, after)
	return nil
}

func send(ctx context.Context, client *http.Client, url string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// spent reads each service's CPU seconds from its own metrics.
func spent(ctx context.Context, services []string) ([]float64, error) {
	cpu := make([]float64, len(services))
	for i, u := range services {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
		if err != nil {
			return nil, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u, err)
		}
		family, found := families["process_cpu_seconds_total"]
		if !found || len(family.GetMetric()) == 0 {
			return nil, fmt.Errorf("%s has no process_cpu_seconds_total", u)
		}
		cpu[i] = family.GetMetric()[0].GetCounter().GetValue()
	}
	return cpu, nil
}

func report(answers []answer, took time.Duration, services []string, before, after []float64) {
	if len(answers) == 0 {
		fmt.Println("no orders were sent")
		return
	}
	codes := map[int]int{}
	times := make([]time.Duration, 0, len(answers))
	for _, a := range answers {
		codes[a.code]++
		times = append(times, a.took)
	}
	slices.Sort(times)
	at := func(q float64) time.Duration {
		return times[int(q*float64(len(times)-1))].Round(10 * time.Microsecond)
	}
	fmt.Printf("%d orders in %v, %.3f%% ok, by status %v\n", len(answers), took.Round(time.Millisecond),
		100*float64(codes[200])/float64(len(answers)), codes)
	fmt.Printf("p50 %v  p95 %v  p99 %v  max %v\n", at(0.5), at(0.95), at(0.99), at(1))
	sum := 0.0
	for i, u := range services {
		used := after[i] - before[i]
		sum += used
		fmt.Printf("%7.1f us CPU an order  %5.1f %% of a core  %s\n",
			used/float64(len(answers))*1e6, 100*used/took.Seconds(), u)
	}
	if len(services) > 0 {
		fmt.Printf("%7.1f us CPU an order  %5.1f %% of a core  all\n",
			sum/float64(len(answers))*1e6, 100*sum/took.Seconds())
	}
}

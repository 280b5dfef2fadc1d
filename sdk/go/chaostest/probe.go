package chaostest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// StabilityProbe is how a service behaves under a constant load.
type StabilityProbe struct {
	// Latency95 is the 95th percentile in milliseconds, each request timed from the moment it was
	// due: a slow service cannot slow its own test.
	Latency95 float64 `json:"latency_95ms"`
	// ErrorRate is the share of requests that failed, 0 to 1.
	ErrorRate float64 `json:"error_rate"`
	// CPUPerc is the CPU of the process in percent of one core; NaN where no pid was given.
	CPUPerc float64 `json:"cpu_percent"`
}

// Thresholds are what a StabilityProbe must stay below; 0 asks nothing.
type Thresholds struct {
	// P95 is the most the 95th percentile may be.
	P95 time.Duration
	// ErrorRate is the most the share of failed requests may be, 0 to 1.
	ErrorRate float64
	// CPUPerc is the most CPU in percent of one core.
	CPUPerc float64
}

// Usual are thresholds to begin with: P95 < 200 ms, errors < 0.5 %, CPU < 70 %.
var Usual = Thresholds{P95: 200 * time.Millisecond, ErrorRate: 0.005, CPUPerc: 70}

// Check names every threshold that was reached. A number that is not there is never inside.
func (p StabilityProbe) Check(t Thresholds) error {
	var wrong []error
	below := func(what string, got, most float64, unit string) {
		// NaN compares false: unknown is not below.
		if most > 0 && !(got < most) {
			wrong = append(wrong, fmt.Errorf("%s is %.4g%s, not below %.4g%s", what, got, unit, most, unit))
		}
	}
	below("P95", p.Latency95, float64(t.P95)/1e6, " ms")
	below("error rate", p.ErrorRate*100, t.ErrorRate*100, " %")
	below("CPU", p.CPUPerc, t.CPUPerc, " %")
	return errors.Join(wrong...)
}

// Load is what a StabilityProbe is measured with.
type Load struct {
	// URL is asked with GET.
	URL string
	// Rate is requests a second.
	Rate int
	// For is how long.
	For time.Duration
	// Pid is the process whose CPU is measured; 0 measures none.
	Pid int
	// Client sends; nil is one with room for every request in flight.
	Client *http.Client
}

// inFlightMax bounds the requests that wait at once; more count as failed.
const inFlightMax = 10_000

// Measure sends the load and returns what it saw.
func (l Load) Measure(ctx context.Context) (StabilityProbe, error) {
	if l.Rate <= 0 || l.For <= 0 {
		return StabilityProbe{}, errors.New("chaostest: a load has a rate and a duration above 0")
	}
	client := l.Client
	if client == nil {
		transport := &http.Transport{MaxIdleConns: inFlightMax, MaxIdleConnsPerHost: inFlightMax}
		defer transport.CloseIdleConnections()
		client = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	}
	used, known := cpu(l.Pid)
	begin := time.Now()
	took, failed := l.send(ctx, client, begin)
	probe := StabilityProbe{CPUPerc: math.NaN()}
	if now, still := cpu(l.Pid); known && still {
		probe.CPUPerc = (now - used).Seconds() / time.Since(begin).Seconds() * 100
	}
	if len(took) == 0 {
		return probe, fmt.Errorf("chaostest: no request was sent: %w", context.Cause(ctx))
	}
	slices.Sort(took)
	at := int(math.Ceil(0.95*float64(len(took)))) - 1
	probe.Latency95 = float64(took[at]) / 1e6
	probe.ErrorRate = float64(failed) / float64(len(took))
	return probe, nil
}

func (l Load) send(ctx context.Context, client *http.Client, begin time.Time) (took []time.Duration, failed int) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	slots := make(chan struct{}, inFlightMax)
	note := func(due time.Time, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(due))
		if !ok {
			failed++
		}
	}
	for n := range int(l.For.Seconds() * float64(l.Rate)) {
		if ctx.Err() != nil {
			break
		}
		due := begin.Add(time.Duration(n) * time.Second / time.Duration(l.Rate))
		timer := time.NewTimer(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			wait.Wait()
			return took, failed
		}
		select {
		case slots <- struct{}{}:
		default:
			note(due, false)
			continue
		}
		wait.Go(func() {
			note(due, ask(ctx, client, l.URL))
			<-slots
		})
	}
	wait.Wait()
	return took, failed
}

func ask(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode < 500
}

// tick is what /proc counts CPU time in.
const tick = 10 * time.Millisecond

// cpu is the CPU time of a process, as /proc has it.
func cpu(pid int) (time.Duration, bool) {
	if pid == 0 {
		return 0, false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The name in parentheses may hold anything.
	_, rest, ok := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, false
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, false
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, err == nil
}

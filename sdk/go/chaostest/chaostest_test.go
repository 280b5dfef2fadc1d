package chaostest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// engine is a program that answers as squall does; the real one is met by TestChaosSuite of the
// shop.
func engine(t *testing.T, out, said string, exit string) Engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "squall")
	script := "#!/bin/sh\nprintf '%s' '" + out + "'\nprintf '%s' '" + said + "' >&2\nexit " + exit + "\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return Engine{Path: path}
}

func TestAVerdictIsReadWithItsEvidence(t *testing.T) {
	out := `{"version":1,"verdict":"refuted","sentence":"orders failed","exit":1,"run":"7k2f9",` +
		`"indicators":[{"name":"order success","outcome":"fail","bound":">= 99%","text":"91 %"}],"files":{"record":"r.jsonl","report":"report.html"}}`
	result, err := engine(t, out, "", "1").Run(t.Context(), "x.yaml")
	if err != nil || result.Held() || result.Verdict != "refuted" {
		t.Fatalf("%+v, %v", result, err)
	}
	for _, part := range []string{"refuted: orders failed", "fail", "order success >= 99%: 91 %", "report.html", "r.jsonl"} {
		if !strings.Contains(result.String(), part) {
			t.Errorf("%q is not in %s", part, result)
		}
	}
}

func TestARefusedFileSaysWhy(t *testing.T) {
	result, err := engine(t, "", "error[S001]: unknown key", "2").Run(t.Context(), "x.yaml")
	if err != nil || result.Exit != 2 || !strings.Contains(result.String(), "unknown key") {
		t.Errorf("%v, %v", result, err)
	}
}

func TestWhatIsNoAnswerIsNoVerdict(t *testing.T) {
	if _, err := engine(t, "hello", "", "0").Run(t.Context(), "x.yaml"); err == nil {
		t.Error("hello is a verdict")
	}
	t.Setenv("SQUALL_BIN", "")
	t.Setenv("PATH", t.TempDir())
	if _, err := (Engine{}).Run(t.Context(), "x.yaml"); !errors.Is(err, ErrNoEngine) {
		t.Errorf("%v", err)
	}
	// The exit code of the process counts, not what a document claims.
	t.Setenv("PATH", "/usr/bin:/bin")
	result, err := engine(t, `{"verdict":"held","exit":0}`, "", "5").Run(t.Context(), "x.yaml")
	if err != nil || result.Held() {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestAServiceIsMeasuredFromTheMomentRequestsWereDue(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		time.Sleep(5 * time.Millisecond)
		_, _ = io.WriteString(w, "ok")
	}))
	defer server.Close()
	load := Load{URL: server.URL, Rate: 100, For: 500 * time.Millisecond, Pid: os.Getpid()}
	probe, err := load.Measure(t.Context())
	if err != nil || probe.Latency95 < 5 || probe.ErrorRate <= 0 || probe.ErrorRate > 0.5 || math.IsNaN(probe.CPUPerc) {
		t.Errorf("%+v, %v", probe, err)
	}
	text, err := json.Marshal(probe)
	if err != nil || !strings.Contains(string(text), `"latency_95ms":`) || !strings.Contains(string(text), `"error_rate":`) || !strings.Contains(string(text), `"cpu_percent":`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestThresholdsAreNeverMetByWhatIsNotKnown(t *testing.T) {
	good := StabilityProbe{Latency95: 20, ErrorRate: 0.001, CPUPerc: 30}
	if err := good.Check(Usual); err != nil {
		t.Error(err)
	}
	for what, probe := range map[string]StabilityProbe{
		"P95": {Latency95: 200, CPUPerc: 1}, "error rate": {ErrorRate: 0.005, CPUPerc: 1}, "CPU": {CPUPerc: math.NaN()},
	} {
		if err := probe.Check(Usual); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := (StabilityProbe{CPUPerc: math.NaN()}).Check(Thresholds{P95: time.Second}); err != nil {
		t.Error("what nobody asked for is judged")
	}
}

func TestALoadThatSendsNothingIsAnError(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Load{URL: "http://127.0.0.1:1", Rate: 1, For: time.Second}).Measure(done); err == nil {
		t.Error("measured")
	}
	if _, err := (Load{}).Measure(t.Context()); err == nil {
		t.Error("a load of nothing")
	}
}

func ExampleStabilityProbe() {
	probe := StabilityProbe{Latency95: 210, ErrorRate: 0.001, CPUPerc: 12}
	if err := probe.Check(Usual); err != nil {
		os.Stdout.WriteString(err.Error())
	}
	// Output: P95 is 210 ms, not below 200 ms
}

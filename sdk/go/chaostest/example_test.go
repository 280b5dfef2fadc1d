package chaostest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/chaostest"
)

// A test that runs every experiment of a folder; each is a subtest that fails with its verdict.
func ExampleSuite() {
	_ = func(t *testing.T) { chaostest.Suite(t, "chaos/*.yaml") }
}

// A test that looks at the verdict by itself.
func ExampleRun() {
	_ = func(t *testing.T) {
		if result := chaostest.Run(t, "chaos/order-late.yaml"); !result.Held() {
			t.Log(result)
		}
	}
}

// The program by its path, run where the service is.
func ExampleEngine() {
	engine := chaostest.Engine{Path: "/usr/local/bin/squall", Wrap: []string{"ip", "netns", "exec", "shop"}}
	_ = func(t *testing.T) {
		engine.Test(t, "chaos/order-late.yaml")
		engine.Suite(t, "chaos/*.yaml")
	}
}

// How stable a service is under a constant rate.
func ExampleLoad() {
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer service.Close()
	load := chaostest.Load{URL: service.URL, Rate: 50, For: 200 * time.Millisecond}
	probe, err := load.Measure(context.Background())
	fmt.Println(err, probe.Check(chaostest.Thresholds{P95: time.Minute, ErrorRate: 0.005}))
	// Output: <nil> <nil>
}

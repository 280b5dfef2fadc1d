//go:build chaos

package suite

import (
	"os"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/chaostest"
)

func TestChaosSuite(t *testing.T) {
	chaostest.Suite(t, "chaos/*.yaml")
}

func TestChaosSuiteSaysWhatBroke(t *testing.T) {
	result, err := chaostest.Engine{}.Run(t.Context(), "broken/orders-fail.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if result.Verdict != "refuted" || result.Exit != 1 || result.Files.Report == "" || len(result.Indicators) == 0 {
		t.Errorf("%s", result)
	}
	if _, err := os.Stat(result.Files.Report); err != nil {
		t.Errorf("the report: %v", err)
	}
}

func TestChaosSuiteStaysStableUnderLoad(t *testing.T) {
	url := os.Getenv("SHOP_URL")
	if url == "" {
		t.Fatal("SHOP_URL names where a load reaches the shop from here")
	}
	probe, err := chaostest.Load{URL: url, Rate: 20, For: 2 * time.Second}.Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := probe.Check(chaostest.Thresholds{P95: 5 * time.Second, ErrorRate: 0.05}); err != nil {
		t.Error(err)
	}
}

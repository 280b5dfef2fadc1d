// Package hooktest arms rules without an agent, for tests of wrappers.
package hooktest

import (
	"context"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/internal/clock"
	"github.com/squall-dev/squall/sdk/go/internal/lease"
)

// Arm puts a rule in force until the test ends, or the returned function is called. A rule
// without a share is for every matching request.
func Arm(t testing.TB, rule *hook.Rule) (disarm func()) {
	t.Helper()
	if rule.Share == 0 {
		rule.Share = 1
	}
	held := lease.New(clock.Real{}, time.Hour, time.Hour)
	ctx, cancel := context.WithCancel(lease.With(context.Background(), held))
	stop, err := rule.Arm(ctx, "test")
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	end := func() { stop(); cancel() }
	t.Cleanup(end)
	return end
}

package hook_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/hooktest"
)

// A wrapper for a framework: look, pick, hold, act, end.
func Example() {
	serve := func(ctx context.Context, path string, headers http.Header) string {
		set := hook.HTTPServer.Armed()
		if set == nil {
			return "served"
		}
		hit := set.Pick(hook.Request{Route: path, Method: "GET", Headers: headers})
		if hit == nil {
			return "served"
		}
		defer hit.End()
		if err := hit.Hold(ctx); err != nil {
			return "canceled"
		}
		hit.Panic()
		if hit.Effect.Status != 0 {
			return fmt.Sprint(hit.Effect.Status, " ", hit.Effect.Message)
		}
		ctx, cancel := hit.Cut(ctx)
		defer cancel()
		_ = ctx
		return "served late"
	}
	fmt.Println(serve(context.Background(), "/a", nil))
	disarm := hooktest.Arm(&testing.T{}, &hook.Rule{
		Site: &hook.HTTPServer, Match: hook.Match{Route: "/a"}, Effect: hook.Effect{Status: 503, Message: "away"},
	})
	fmt.Println(serve(context.Background(), "/a", nil))
	fmt.Println(serve(context.Background(), "/b", nil))
	disarm()
	// Output:
	// served
	// 503 away
	// served
}

func ExampleBaggage() {
	fmt.Println(hook.Baggage("user=a%20b;ttl=3, tenant=acme", "user"))
	// Output: a b
}

func ExampleObserve() {
	hook.Observe(func(_ context.Context, hit hook.Observed) { fmt.Println(hit.Fault, hit.ID) })
}

func ExampleRule_Counted() {
	rule := &hook.Rule{Site: &hook.GRPCClient, Share: 0.1, RequestID: "x-request-id", InFlight: 5}
	counted := rule.Counted()
	fmt.Println(counted.Seen, counted.Hits)
	// Output: 0 0
}

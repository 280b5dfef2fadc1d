package squallkit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/hooktest"
	squallkit "github.com/squall-dev/squall/sdk/go/kit"
)

func slow(ctx context.Context, request any) (any, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(5 * time.Millisecond):
		return request, nil
	}
}

func TestEndpointsAreHurtByName(t *testing.T) {
	place := squallkit.Server("Place")(slow)
	untouched := func() {
		t.Helper()
		if reply, err := place(context.Background(), 7); reply != 7 || err != nil {
			t.Errorf("%v, %v", reply, err)
		}
	}
	untouched()
	disarm := hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPServer, Match: hook.Match{Route: "Place"}, Effect: hook.Effect{Status: 503}})
	var got *squallkit.Error
	if _, err := place(context.Background(), 7); !errors.As(err, &got) || got.StatusCode() != 503 {
		t.Errorf("%v", err)
	}
	disarm()
	disarm = hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPServer, Match: hook.Match{Route: "Other"}, Effect: hook.Effect{Status: 503}})
	untouched()
	disarm()
	disarm = hooktest.Arm(t, &hook.Rule{Site: &hook.HTTPClient, Effect: hook.Effect{Deadline: time.Millisecond}})
	if _, err := squallkit.Client("Charge")(slow)(context.Background(), 7); !errors.Is(err, hook.Shrunk) {
		t.Errorf("%v", err)
	}
	disarm()
	untouched()
}

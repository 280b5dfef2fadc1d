package lease

import (
	"context"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/clock"
)

func TestALeaseMovesForwardOnlyAndNeverBeyondItsCap(t *testing.T) {
	c := &clock.Manual{}
	l := New(c, 5*time.Second, 12*time.Second)
	c.Advance(3 * time.Second)
	if !l.Renew(5*time.Second) || l.Left() != 5*time.Second {
		t.Fatalf("renewed: %v", l.Left())
	}
	if !l.Renew(time.Second) || l.Left() != 5*time.Second {
		t.Fatalf("a shorter renewal took something away: %v", l.Left())
	}
	c.Advance(4 * time.Second)
	if !l.Renew(time.Hour) || l.Left() != 5*time.Second || !l.IsCapped() {
		t.Fatalf("beyond the cap: %v", l.Left())
	}
	c.Advance(5 * time.Second)
	if l.Renew(time.Hour) || l.Left() != 0 {
		t.Fatalf("a lease that was over came back: %v", l.Left())
	}
}

func TestAnEndedLeaseAndAContextWithoutOneAllowNothing(t *testing.T) {
	l := New(&clock.Manual{}, time.Second, time.Minute)
	l.End()
	if l.Left() != 0 || l.Renew(time.Second) {
		t.Error("ended, and still there")
	}
	if From(context.Background()).Left() != 0 {
		t.Error("no lease allows something")
	}
	if From(With(context.Background(), l)) != l {
		t.Error("the context lost its lease")
	}
}

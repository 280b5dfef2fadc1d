package hook

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/clock"
	"github.com/squall-dev/squall/sdk/go/internal/lease"
)

func leased(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(lease.With(context.Background(), lease.New(clock.Real{}, d, time.Hour)))
	t.Cleanup(cancel)
	return ctx, cancel
}

func arm(t *testing.T, r *Rule) func() {
	t.Helper()
	ctx, _ := leased(t, time.Minute)
	if r.Site == nil {
		r.Site = &Site{}
	}
	disarm, err := r.Arm(ctx, "order")
	if err != nil {
		t.Fatal(err)
	}
	return disarm
}

func TestASiteIsIdleUntilARuleIsArmedAndAfterItIsGone(t *testing.T) {
	site := &Site{}
	a, b := &Rule{Site: site, Share: 1}, &Rule{Site: site, Share: 1}
	stopA, stopB := arm(t, a), arm(t, b)
	stopA()
	if site.Armed() == nil {
		t.Error("the other rule is gone, too")
	}
	stopA()
	stopB()
	if site.Armed() != nil {
		t.Error("the site is not idle")
	}
}

func TestRulesChooseByEveryLabel(t *testing.T) {
	headers := http.Header{}
	headers.Set("X-Canary", "yes")
	headers.Set("baggage", "user=a%20b;ttl=3, tenant=acme")
	request := Request{Route: "/api/order/7", Method: "POST", Headers: headers}
	for _, check := range []struct {
		match Match
		fits  bool
	}{
		{Match{}, true},
		{Match{Service: "order"}, true},
		{Match{Service: "payment"}, false},
		{Match{Route: "/api/*/7"}, true},
		{Match{Route: "/api/order"}, false},
		{Match{Method: "GET"}, false},
		{Match{Header: "x-canary=yes"}, true},
		{Match{Header: "x-canary=no"}, false},
		{Match{Baggage: "user=a b"}, true},
		{Match{Baggage: "ttl=3"}, false},
		{Match{Tenant: "acme"}, true},
		{Match{Tenant: "other"}, false},
		{Match{Route: "/api/*", Tenant: "acme", Header: "X-Canary=yes"}, true},
	} {
		rule := &Rule{Match: check.match, Share: 1}
		stop := arm(t, rule)
		hit := rule.Site.Armed().Pick(request)
		if (hit != nil) != check.fits {
			t.Errorf("%+v: hit %v", check.match, hit)
		}
		stop()
	}
}

func TestABadRuleIsRefused(t *testing.T) {
	ctx, _ := leased(t, time.Minute)
	for _, rule := range []*Rule{
		{Share: 1},
		{Site: &Site{}, Share: 1.5},
		{Site: &Site{}, Share: 1, Match: Match{Header: "noequals"}},
		{Site: &Site{}, Share: 1, Match: Match{Baggage: "=x"}},
	} {
		if _, err := rule.Arm(ctx, ""); err == nil {
			t.Errorf("%+v was armed", rule)
		}
		if rule.Site != nil && rule.Site.Armed() != nil {
			t.Error("a refused rule is in force")
		}
	}
}

func TestARepeatedRequestMeetsTheSameFate(t *testing.T) {
	rule := &Rule{Share: 0.3, RequestID: "X-Request-Id", Seed: 7}
	defer arm(t, rule)()
	set, hits := rule.Site.Armed(), 0
	for i := range 4000 {
		headers := http.Header{"X-Request-Id": {strconv.Itoa(i)}}
		first := set.Pick(Request{Headers: headers}) != nil
		if again := set.Pick(Request{Headers: headers}) != nil; again != first {
			t.Fatalf("request %d: %v, then %v", i, first, again)
		}
		if first {
			hits++
		}
	}
	// Binomial 99.99 % interval of 30 % of 4,000.
	if hits < 1087 || hits > 1313 {
		t.Errorf("%d of 4000 hit, 30 %% asked", hits)
	}
}

func TestNoMoreAreHurtAtOnceThanAllowed(t *testing.T) {
	rule := &Rule{Share: 1, InFlight: 2}
	defer arm(t, rule)()
	set := rule.Site.Armed()
	a, b, c := set.Pick(Request{}), set.Pick(Request{}), set.Pick(Request{})
	if a == nil || b == nil || c != nil {
		t.Fatal("not two of three")
	}
	a.End()
	if set.Pick(Request{}) == nil {
		t.Error("room was not given back")
	}
	if got := rule.Counted(); got.Hits != 3 || got.Spared != 1 || got.Seen != 4 {
		t.Errorf("%+v", got)
	}
}

func TestADelayEndsWithItsLeaseItsRuleAndItsRequest(t *testing.T) {
	for name, end := range map[string]func(cancelRule, cancelRequest func()){
		"lease":   func(_, _ func()) {},
		"rule":    func(rule, _ func()) { rule() },
		"request": func(_, request func()) { request() },
	} {
		life := time.Minute
		if name == "lease" {
			life = 20 * time.Millisecond
		}
		ctx, cancelRule := leased(t, life)
		rule := &Rule{Site: &Site{}, Share: 1, Effect: Effect{Delay: 30 * time.Second}}
		disarm, err := rule.Arm(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		request, cancelRequest := context.WithCancel(context.Background())
		hit := rule.Site.Armed().Pick(Request{})
		go end(cancelRule, cancelRequest)
		begin := time.Now()
		err = hit.Hold(request)
		if time.Since(begin) > 20*time.Second {
			t.Errorf("%s: the delay went on", name)
		}
		if (name == "request") != errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if rule.Counted().AskedMs != nil {
			t.Errorf("%s: a delay cut short counts as delivered", name)
		}
		cancelRequest()
		disarm()
	}
}

func TestADelayIsMeasured(t *testing.T) {
	rule := &Rule{Share: 1, Effect: Effect{Delay: 5 * time.Millisecond, Jitter: time.Millisecond}}
	defer arm(t, rule)()
	for range 5 {
		hit := rule.Site.Armed().Pick(Request{})
		if err := hit.Hold(context.Background()); err != nil {
			t.Fatal(err)
		}
		hit.End()
	}
	counted := rule.Counted()
	if *counted.AskedMs < 4 || *counted.AskedMs > 6 || *counted.DeliveredMs < *counted.AskedMs {
		t.Errorf("asked %v, delivered %v", *counted.AskedMs, *counted.DeliveredMs)
	}
}

func TestACutContextSaysWhoCutIt(t *testing.T) {
	hit := &Hit{Effect: Effect{Deadline: time.Millisecond}}
	ctx, cancel := hit.Cut(context.Background())
	defer cancel()
	<-ctx.Done()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || context.Cause(ctx) != Shrunk {
		t.Errorf("%v, cause %v", ctx.Err(), context.Cause(ctx))
	}
}

func TestAnIdleSiteAndARuleThatDoesNotMatchAllocateNothing(t *testing.T) {
	site := &Site{}
	if n := testing.AllocsPerRun(100, func() { _ = site.Armed() }); n != 0 {
		t.Errorf("idle: %v allocations", n)
	}
	rule := &Rule{Site: site, Share: 1, Match: Match{Route: "/other", Header: "x=y"}}
	defer arm(t, rule)()
	headers := http.Header{"X": {"z"}}
	if n := testing.AllocsPerRun(100, func() {
		if site.Armed().Pick(Request{Route: "/api", Headers: headers}) != nil {
			t.Error("hit")
		}
	}); n != 0 {
		t.Errorf("armed: %v allocations", n)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("/api/*", "/api/x", "a=b", "a=b%20c;d, e=f")
	f.Add("***", "", "=", ",;=%")
	f.Fuzz(func(t *testing.T, route, text, header, baggage string) {
		rule := matcher{}
		if compiled, err := (Match{Route: route, Header: header, Baggage: header}).compile(); err == nil {
			rule = compiled
		}
		rule.fits("", &Request{Route: text, Headers: http.Header{"Baggage": {baggage}}})
		if !glob("*", text) || !glob(text+"*", text) {
			t.Errorf("%q", text)
		}
	})
}

func BenchmarkIdle(b *testing.B) {
	site := &Site{}
	for b.Loop() {
		if site.Armed() != nil {
			b.Fatal("armed")
		}
	}
}

func BenchmarkArmedWithoutAMatch(b *testing.B) {
	site := &Site{}
	rule := &Rule{Site: site, Share: 1, Match: Match{Route: "/other"}}
	ctx := lease.With(context.Background(), lease.New(clock.Real{}, time.Hour, time.Hour))
	if _, err := rule.Arm(ctx, ""); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if site.Armed().Pick(Request{Route: "/api/order"}) != nil {
			b.Fatal("hit")
		}
	}
}

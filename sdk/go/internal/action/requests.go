package action

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/internal/value"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

const (
	delayMax    = 10 * time.Minute
	messageMax  = 1024
	bodyMax     = 16 << 10
	inFlightMax = 1_000_000
)

// requestKeys are what every fault on requests takes, and its own.
func requestKeys(own ...string) []string {
	return append(own, "share", "request-id", "in-flight", "service", "route", "method", "tenant", "header", "baggage")
}

// What Exec tells a rule beside its values; no person can write these keys, Validate refuses them.
const (
	faultKey = "\x00fault"
	useKey   = "\x00use"
)

// requests is a rule in force.
type requests struct {
	rule   *hook.Rule
	word   string
	disarm func()
}

// begin reads what every fault on requests takes, and puts its rule in force.
func begin(ctx context.Context, env *Env, p value.Params, dry bool, site *hook.Site, word string, effect hook.Effect) (running, error) {
	share, err := p.Share("share", 1)
	if err != nil {
		return nil, err
	}
	flying, err := p.Count("in-flight", 0, 0, inFlightMax)
	if err != nil {
		return nil, err
	}
	rule := &hook.Rule{
		Fault: p[faultKey], ID: p[useKey], Site: site, Share: share, RequestID: p["request-id"], InFlight: int64(flying), Effect: effect,
		Match: hook.Match{
			Service: p["service"], Route: p["route"], Method: p["method"],
			Tenant: p["tenant"], Header: p["header"], Baggage: p["baggage"],
		},
	}
	if dry {
		return nil, rule.Check()
	}
	disarm, err := rule.Arm(ctx, env.Service)
	if err != nil {
		return nil, err
	}
	return &requests{rule, word, disarm}, nil
}

func (r *requests) stop() error {
	r.disarm()
	return nil
}

func (r *requests) alive() string {
	if r.rule.IsArmed() {
		return "its rule is still in force"
	}
	return ""
}

func (r *requests) measure() wire.Bite {
	c := r.rule.Counted()
	detail := fmt.Sprintf("%d of %d matching requests %s, %d seen", c.Hits, c.Matched, r.word, c.Seen)
	switch {
	case c.Seen == 0:
		detail = "no request passed a hook; is the wrapper in place?"
	case c.Spared > 0:
		detail += fmt.Sprintf(", %d spared by in-flight", c.Spared)
	}
	return wire.Bite{Hits: c.Hits, Seen: c.Seen, Asked: c.AskedMs, Delivered: c.DeliveredMs, Detail: detail}
}

// side is the site that a fault on one protocol acts at.
func side(p value.Params, server, client *hook.Site) (*hook.Site, error) {
	word, err := p.Word("side", "server", "client")
	if word == "client" {
		return client, err
	}
	return server, err
}

func late(p value.Params) (hook.Effect, error) {
	mean, err := p.Duration("mean", 100*time.Millisecond, delayMax)
	if err != nil {
		return hook.Effect{}, err
	}
	jitter, err := p.Duration("jitter", 0, delayMax)
	if err == nil && jitter > mean {
		err = &value.Error{Key: "jitter", Text: jitter.String(), Want: "at most the mean, " + mean.String()}
	}
	return hook.Effect{Delay: mean, Jitter: jitter}, err
}

func httpDelay(ctx context.Context, env *Env, p value.Params, dry bool) (running, error) {
	site, err := side(p, &hook.HTTPServer, &hook.HTTPClient)
	if err != nil {
		return nil, err
	}
	effect, err := late(p)
	if err != nil {
		return nil, err
	}
	return begin(ctx, env, p, dry, site, "delayed", effect)
}

func grpcDelay(ctx context.Context, env *Env, p value.Params, dry bool) (running, error) {
	site, err := side(p, &hook.GRPCServer, &hook.GRPCClient)
	if err != nil {
		return nil, err
	}
	effect, err := late(p)
	if err != nil {
		return nil, err
	}
	return begin(ctx, env, p, dry, site, "delayed", effect)
}

func httpError(ctx context.Context, env *Env, p value.Params, dry bool) (running, error) {
	site, err := side(p, &hook.HTTPServer, &hook.HTTPClient)
	if err != nil {
		return nil, err
	}
	status, err := p.Count("status", 500, 200, 599)
	if err != nil {
		return nil, err
	}
	fail, err := p.Word("fail", "status", "connection")
	if err != nil {
		return nil, err
	}
	if fail == "connection" && site != &hook.HTTPClient {
		return nil, &value.Error{Key: "fail", Text: fail, Want: "for side: client only; a server always answers with a status"}
	}
	body := p.Text("body", "")
	if len(body) > bodyMax {
		return nil, &value.Error{Key: "body", Text: body[:20] + "…", Want: fmt.Sprintf("at most %d bytes", bodyMax)}
	}
	effect := hook.Effect{Status: status, Message: body, Fail: fail == "connection"}
	return begin(ctx, env, p, dry, site, "failed", effect)
}

func contextShrink(ctx context.Context, env *Env, p value.Params, dry bool) (running, error) {
	word, err := p.Word("side", "http-server", "grpc-server", "http-client", "grpc-client")
	if err != nil {
		return nil, err
	}
	site := map[string]*hook.Site{
		"http-server": &hook.HTTPServer, "grpc-server": &hook.GRPCServer,
		"http-client": &hook.HTTPClient, "grpc-client": &hook.GRPCClient,
	}[word]
	deadline, err := p.Duration("deadline", 50*time.Millisecond, delayMax)
	if err != nil {
		return nil, err
	}
	if deadline == 0 {
		return nil, &value.Error{Key: "deadline", Text: "0s", Want: "above 0s"}
	}
	return begin(ctx, env, p, dry, site, "cut short", hook.Effect{Deadline: deadline})
}

func panics(ctx context.Context, env *Env, p value.Params, dry bool) (running, error) {
	recovered, err := p.Word("recovered", "yes", "no")
	if err != nil {
		return nil, err
	}
	message := p.Text("message", "asked for")
	if len(message) > messageMax {
		return nil, &value.Error{Key: "message", Text: message[:20] + "…", Want: fmt.Sprintf("at most %d bytes", messageMax)}
	}
	effect := hook.Effect{Panic: true, Loose: recovered == "no", Message: message}
	return begin(ctx, env, p, dry, &hook.HTTPServer, "panicked", effect)
}

// codes are gRPC's status codes by name, at their numbers.
var codes = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

func code(text string) (uint32, error) {
	for i, name := range codes {
		// OK is no fault.
		if i > 0 && (strings.EqualFold(name, text) || strconv.Itoa(i) == text) {
			return uint32(i), nil
		}
	}
	return 0, &value.Error{Key: "code", Text: text, Want: "a gRPC code other than OK, for example UNAVAILABLE or 14"}
}

func grpcStatus(ctx context.Context, env *Env, p value.Params, dry bool) (running, error) {
	site, err := side(p, &hook.GRPCServer, &hook.GRPCClient)
	if err != nil {
		return nil, err
	}
	number, err := code(p.Text("code", "UNAVAILABLE"))
	if err != nil {
		return nil, err
	}
	message := p.Text("message", "squall: go.grpc-status")
	if len(message) > messageMax {
		return nil, &value.Error{Key: "message", Text: message[:20] + "…", Want: fmt.Sprintf("at most %d bytes", messageMax)}
	}
	effect := hook.Effect{Code: number, Message: message}
	if details := p.Text("details", ""); details != "" {
		effect.Details = strings.Split(details, ",")
	}
	return begin(ctx, env, p, dry, site, "failed", effect)
}

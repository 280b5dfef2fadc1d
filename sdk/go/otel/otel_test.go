package squallotel_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/hooktest"
	squallotel "github.com/squall-dev/squall/sdk/go/otel"
)

func TestASpanSaysThatItsRequestWasHurt(t *testing.T) {
	squallotel.Mark()
	squallotel.Mark()
	spans := tracetest.NewSpanRecorder()
	tracer := trace.NewTracerProvider(trace.WithSpanProcessor(spans)).Tracer("test")
	hooktest.Arm(t, &hook.Rule{Fault: "go.http-delay", ID: "r/i", Site: &hook.HTTPServer, Match: hook.Match{Route: "/a"}})
	for _, route := range []string{"/a", "/b"} {
		ctx, span := tracer.Start(context.Background(), route)
		if hit := hook.HTTPServer.Armed().Pick(hook.Request{Route: route}); hit != nil {
			if err := hit.Hold(ctx); err != nil {
				t.Error(err)
			}
			hit.End()
		}
		span.End()
	}
	hurt, spared := spans.Ended()[0], spans.Ended()[1]
	if len(hurt.Events()) != 1 || hurt.Events()[0].Name != "chaos.injection" || len(hurt.Attributes()) != 2 {
		t.Errorf("%v %v", hurt.Events(), hurt.Attributes())
	}
	if len(spared.Events()) != 0 || len(spared.Attributes()) != 0 {
		t.Errorf("%v %v", spared.Events(), spared.Attributes())
	}
	// Without a span there is nothing to mark and nothing breaks.
	hit := hook.HTTPServer.Armed().Pick(hook.Request{Route: "/a"})
	if err := hit.Hold(context.Background()); err != nil {
		t.Error(err)
	}
}

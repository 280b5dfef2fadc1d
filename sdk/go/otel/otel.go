// Package squallotel marks the requests that Squall hurts in a service's own telemetry.
//
//	squallotel.Mark()
//
// The span of a hurt request gets the event chaos.injection and, on itself, the attributes
// chaos.fault and chaos.injection.id, so that a trace says why it is slow. Requests that are not
// hurt pay nothing.
package squallotel

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/squall-dev/squall/sdk/go/hook"
)

// The names of the attributes and the event.
const (
	FaultKey     = attribute.Key("chaos.fault")
	InjectionKey = attribute.Key("chaos.injection.id")
	Event        = "chaos.injection"
)

var once sync.Once

// Mark begins to mark spans; more calls change nothing.
func Mark() { once.Do(func() { hook.Observe(mark) }) }

func mark(ctx context.Context, hit hook.Observed) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	attributes := []attribute.KeyValue{FaultKey.String(hit.Fault), InjectionKey.String(hit.ID)}
	span.SetAttributes(attributes...)
	span.AddEvent(Event, trace.WithAttributes(attributes...))
}

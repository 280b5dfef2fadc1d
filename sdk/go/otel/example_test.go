package squallotel_test

import squallotel "github.com/squall-dev/squall/sdk/go/otel"

// Once, beside the tracer's set-up: from then on a span says when a fault has hurt its request.
func ExampleMark() {
	squallotel.Mark()
}

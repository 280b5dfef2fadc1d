// Package squallkit lets Squall hurt the endpoints of a go-kit service.
//
//	place = squallkit.Server("Place")(place)
//	charge = squallkit.Client("Charge")(charge)
//
// The route that rules see is the name given here. The faults are go.http-delay, go.http-error
// and go.context-shrink: an endpoint knows no protocol, so an error is [Error], for the encoder
// to turn into a status.
package squallkit

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-kit/kit/endpoint"

	"github.com/squall-dev/squall/sdk/go/hook"
)

// Error is what an endpoint returns that a fault answered.
type Error struct {
	// Status is the HTTP status that was asked for.
	Status int
	// Message goes along.
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("squall: status %d on purpose: %s", e.Status, e.Message)
}

// StatusCode implements the StatusCoder of go-kit's HTTP transport.
func (e *Error) StatusCode() int { return e.Status }

// Server is the middleware of an endpoint that is served.
func Server(name string) endpoint.Middleware { return wrap(&hook.HTTPServer, name) }

// Client is the middleware of an endpoint that is called.
func Client(name string) endpoint.Middleware { return wrap(&hook.HTTPClient, name) }

func wrap(site *hook.Site, name string) endpoint.Middleware {
	return func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request any) (any, error) {
			set := site.Armed()
			if set == nil {
				return next(ctx, request)
			}
			hit := set.Pick(hook.Request{Route: name})
			if hit == nil {
				return next(ctx, request)
			}
			defer hit.End()
			if err := hit.Hold(ctx); err != nil {
				return nil, err
			}
			hit.Panic()
			if status := hit.Effect.Status; status != 0 || hit.Effect.Fail {
				return nil, &Error{status, hit.Effect.Message}
			}
			cut, cancel := hit.Cut(ctx)
			defer cancel()
			response, err := next(cut, request)
			if err != nil && errors.Is(context.Cause(cut), hook.Shrunk) {
				err = hook.Shrunk
			}
			return response, err
		}
	}
}

package squallhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/squall-dev/squall/sdk/go/hook"
)

// Transport wraps a RoundTripper, nil for the default one, so that faults can hurt the requests
// that leave through it. Code that expects http.DefaultTransport to be an *http.Transport does
// not find one after this replaced it; there, wrap the transport of the client instead.
func Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return transport{base}
}

type transport struct{ base http.RoundTripper }

// ErrFailed is what a client gets from go.http-error with fail: connection.
var ErrFailed = errors.New("squall: go.http-error: connection failed on purpose")

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	set := hook.HTTPClient.Armed()
	if set == nil {
		return t.base.RoundTrip(r)
	}
	return t.hurt(set, r)
}

func (t transport) hurt(set *hook.Set, r *http.Request) (*http.Response, error) {
	hit := set.Pick(hook.Request{Route: r.URL.Path, Method: r.Method, Headers: r.Header})
	if hit == nil {
		return t.base.RoundTrip(r)
	}
	defer hit.End()
	err := hit.Hold(r.Context())
	if err == nil && hit.Effect.Fail {
		err = ErrFailed
	}
	if err != nil || hit.Effect.Status != 0 {
		// A RoundTripper closes the body, also when it sends nothing.
		if r.Body != nil {
			r.Body.Close()
		}
		if err != nil {
			return nil, err
		}
		return answer(r, hit), nil
	}
	ctx, cancel := hit.Cut(r.Context())
	response, err := t.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		if errors.Is(context.Cause(ctx), hook.Shrunk) {
			err = hook.Shrunk
		}
		return nil, err
	}
	// The deadline covers the body, too.
	response.Body = &cut{response.Body, cancel}
	return response, nil
}

// answer is the response that the fault gives in the server's place.
func answer(r *http.Request, hit *hook.Hit) *http.Response {
	status, body := hit.Effect.Status, hit.Effect.Message
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, ContentLength: int64(len(body)), Request: r,
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

type cut struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (c *cut) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

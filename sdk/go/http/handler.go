package squallhttp

import (
	"io"
	"net/http"

	"github.com/squall-dev/squall/sdk/go/hook"
)

// Handler wraps a handler, so that faults can hurt the requests it serves.
func Handler(next http.Handler) http.Handler {
	return handler{next}
}

type handler struct{ next http.Handler }

// ServeHTTP implements http.Handler.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	set := hook.HTTPServer.Armed()
	if set == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	Serve(set, w, r, h.next.ServeHTTP)
}

// Serve is one request while faults are armed, for wrappers of frameworks.
func Serve(set *hook.Set, w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request)) {
	hit := set.Pick(hook.Request{Route: r.URL.Path, Method: r.Method, Headers: r.Header})
	if hit == nil {
		next(w, r)
		return
	}
	defer hit.End()
	if err := hit.Hold(r.Context()); err != nil {
		// The client has left; whatever is written reaches nobody.
		return
	}
	hit.Panic()
	if status := hit.Effect.Status; status != 0 {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, hit.Effect.Message)
		return
	}
	ctx, cancel := hit.Cut(r.Context())
	defer cancel()
	next(w, r.WithContext(ctx))
}

// Package squallhttp lets Squall hurt HTTP requests inside a process: those it serves and those
// it sends.
//
//	http.DefaultTransport = squallhttp.Transport(nil)
//	http.ListenAndServe("127.0.0.1:8080", squallhttp.Handler(mux))
//
// The faults are go.http-delay, go.http-error, go.context-shrink and go.panic. While none is
// armed a request costs one atomic load more. [ChaosDelayMiddleware] needs no agent at all.
package squallhttp

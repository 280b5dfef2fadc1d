// Package hook is where requests meet the faults that are armed for them. Wrappers for net/http,
// gRPC and frameworks call it on every request; a person who writes a wrapper for another
// framework needs nothing else.
//
// While nothing is armed a hook costs one atomic load:
//
//	set := hook.HTTPServer.Armed()
//	if set == nil {
//		return next(request)
//	}
package hook

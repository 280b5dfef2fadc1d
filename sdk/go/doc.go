// Package squall lets Squall inject faults inside a Go process, and always takes them back.
//
//	func main() {
//		defer squall.Start().Stop()
//		http.DefaultTransport = squallhttp.Transport(nil)
//		http.ListenAndServe("127.0.0.1:8080", squallhttp.Handler(mux))
//	}
//
// It is off unless SQUALL_AGENT names the socket of an agent; then a probe that is not armed
// costs one atomic load. Faults are armed by experiments, never by the process itself, and each
// is held by a lease: an agent that dies, a closed socket, SIGTERM, or a lease that nobody
// renews ends it, and nothing lives longer than ten minutes whatever the agent says.
//
// Faults of Squall's own are listed by `squall faults`; a process adds its own with [Register].
package squall

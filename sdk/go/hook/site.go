package hook

import (
	"sync"
	"sync/atomic"
)

// Site is a kind of place in a process where requests pass.
type Site struct {
	set atomic.Pointer[Set]
	mu  sync.Mutex
}

// The sites of a process.
var (
	// HTTPServer is before a handler.
	HTTPServer Site
	// HTTPClient is before a request leaves through a RoundTripper.
	HTTPClient Site
	// GRPCServer is before a gRPC method.
	GRPCServer Site
	// GRPCClient is before a gRPC call leaves.
	GRPCClient Site
)

// Armed returns the rules in force, or nil while there are none.
func (s *Site) Armed() *Set { return s.set.Load() }

// add puts a rule in force; sets are copied, so that requests read them without a lock.
func (s *Site) add(r *Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rules []*Rule
	if old := s.set.Load(); old != nil {
		rules = append(rules, old.rules...)
	}
	s.set.Store(&Set{append(rules, r)})
}

// remove takes a rule out; the last one leaves the site idle.
func (s *Site) remove(r *Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.set.Load()
	if old == nil {
		return
	}
	var rules []*Rule
	for _, other := range old.rules {
		if other != r {
			rules = append(rules, other)
		}
	}
	if len(rules) == 0 {
		s.set.Store(nil)
		return
	}
	s.set.Store(&Set{rules})
}

// Set is the rules in force at one moment.
type Set struct{ rules []*Rule }

// Pick returns what happens to a request, or nil where it is left alone. The first rule that
// hits decides; the caller ends the hit when the request is over.
func (s *Set) Pick(request Request) *Hit {
	for _, rule := range s.rules {
		if hit := rule.pick(&request); hit != nil {
			return hit
		}
	}
	return nil
}

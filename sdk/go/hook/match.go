package hook

import (
	"fmt"
	"net/url"
	"strings"
)

// Headers are the headers or the metadata of a request; http.Header is one.
type Headers interface {
	// Get returns the first value of a header, whatever the case of its name.
	Get(name string) string
}

// Request is what a rule can see of a request.
type Request struct {
	// Route is the path, or the full method of gRPC such as /shop.Inventory/Reserve.
	Route string
	// Method is the HTTP method; empty for gRPC.
	Method string
	// Headers are the headers or metadata; nil where there are none.
	Headers Headers
}

// Match says which requests a rule is for; what is empty matches every request.
type Match struct {
	// Service is the name that the process registered under.
	Service string
	// Route is a pattern in which * stands for any text.
	Route string
	// Method is an HTTP method.
	Method string
	// Tenant is the value of the header X-Tenant-ID, or of the W3C baggage key tenant.
	Tenant string
	// Header is name=value.
	Header string
	// Baggage is key=value of the W3C baggage header.
	Baggage string
}

// matcher is a Match whose pairs are taken apart.
type matcher struct {
	Match
	header, baggage pair
}

type pair struct{ name, value string }

func (m Match) compile() (matcher, error) {
	header, err := split("header", m.Header)
	if err != nil {
		return matcher{}, err
	}
	baggage, err := split("baggage", m.Baggage)
	if err != nil {
		return matcher{}, err
	}
	return matcher{m, header, baggage}, nil
}

func split(key, text string) (pair, error) {
	if text == "" {
		return pair{}, nil
	}
	name, value, ok := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return pair{}, fmt.Errorf("%s: %q is not name=value", key, text)
	}
	return pair{name, strings.TrimSpace(value)}, nil
}

func (m *matcher) fits(own string, r *Request) bool {
	return (m.Service == "" || m.Service == own) &&
		(m.Method == "" || m.Method == r.Method) &&
		(m.Route == "" || glob(m.Route, r.Route)) &&
		(m.header.name == "" || header(r, m.header.name) == m.header.value) &&
		(m.baggage.name == "" || Baggage(header(r, "baggage"), m.baggage.name) == m.baggage.value) &&
		(m.Tenant == "" || tenant(r) == m.Tenant)
}

func header(r *Request, name string) string {
	if r.Headers == nil {
		return ""
	}
	return r.Headers.Get(name)
}

func tenant(r *Request) string {
	if tenant := header(r, "X-Tenant-Id"); tenant != "" {
		return tenant
	}
	return Baggage(header(r, "baggage"), "tenant")
}

// Baggage returns one value of a W3C baggage header, percent-decoded; empty where it is absent.
func Baggage(header, key string) string {
	for header != "" {
		var member string
		member, header, _ = strings.Cut(header, ",")
		// Properties follow the value behind semicolons.
		member, _, _ = strings.Cut(member, ";")
		name, value, ok := strings.Cut(member, "=")
		if !ok || strings.TrimSpace(name) != key {
			continue
		}
		value = strings.TrimSpace(value)
		if !strings.Contains(value, "%") {
			return value
		}
		if decoded, err := url.PathUnescape(value); err == nil {
			return decoded
		}
		return value
	}
	return ""
}

// glob matches in time linear in the text for each star: only the last star gives way.
func glob(pattern, text string) bool {
	p, t, star, taken := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			taken++
			p, t = star+1, taken
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// Package value reads the values of a fault as the agent sends them: text that was checked
// there and is checked again here, since whoever holds the socket may send anything.
package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Params are the values of one fault, by key.
type Params map[string]string

// Error says which value is wrong and what it takes instead.
type Error struct {
	Key  string
	Text string
	Want string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %q is not %s", e.Key, e.Text, e.Want)
}

// Known refuses a key that the fault does not have; a misspelled one must not fall back to a
// default in silence.
func (p Params) Known(keys ...string) error {
next:
	for key := range p {
		for _, known := range keys {
			if key == known {
				continue next
			}
		}
		return fmt.Errorf("%s: this fault has no such value; it has %s", key, strings.Join(keys, ", "))
	}
	return nil
}

// Text returns a value, or its default where it is absent.
func (p Params) Text(key, byDefault string) string {
	if text, ok := p[key]; ok {
		return text
	}
	return byDefault
}

// Duration reads a duration in Go form, at least 0 and at most max.
func (p Params) Duration(key string, byDefault, max time.Duration) (time.Duration, error) {
	text, ok := p[key]
	if !ok {
		return byDefault, nil
	}
	got, err := time.ParseDuration(text)
	if err != nil || got < 0 || got > max {
		return 0, &Error{key, text, fmt.Sprintf("a duration from 0s to %s", max)}
	}
	return got, nil
}

// Count reads a whole number from min to max.
func (p Params) Count(key string, byDefault, min, max int) (int, error) {
	text, ok := p[key]
	if !ok {
		return byDefault, nil
	}
	got, err := strconv.Atoi(text)
	if err != nil || got < min || got > max {
		return 0, &Error{key, text, fmt.Sprintf("a whole number from %d to %d", min, max)}
	}
	return got, nil
}

// Share reads a percentage and returns it as 0 to 1.
func (p Params) Share(key string, byDefault float64) (float64, error) {
	text, ok := p[key]
	if !ok {
		return byDefault, nil
	}
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	got, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !percent || math.IsNaN(got) || got < 0 || got > 100 {
		return 0, &Error{key, text, "a share from 0% to 100%"}
	}
	return got / 100, nil
}

// units are what a size may end in; the longest first, since "MiB" ends in "B" too.
var units = []struct {
	name  string
	bytes uint64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// Bytes reads a size such as 64MiB, at most max.
func (p Params) Bytes(key string, byDefault, max uint64) (uint64, error) {
	text, ok := p[key]
	if !ok {
		return byDefault, nil
	}
	bad := &Error{key, text, fmt.Sprintf("a size from 0B to %dMiB, for example 64MiB", max>>20)}
	for _, unit := range units {
		number, found := strings.CutSuffix(strings.TrimSpace(text), unit.name)
		if !found {
			continue
		}
		got, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(got) || got < 0 || got*float64(unit.bytes) > float64(max) {
			return 0, bad
		}
		return uint64(got * float64(unit.bytes)), nil
	}
	return 0, bad
}

// Word reads one of some words; the first is the default.
func (p Params) Word(key string, words ...string) (string, error) {
	text, ok := p[key]
	if !ok {
		return words[0], nil
	}
	for _, word := range words {
		if text == word {
			return word, nil
		}
	}
	return "", &Error{key, text, "one of " + strings.Join(words, ", ")}
}

package squallhttp

import (
	"math/rand/v2"
	"net/http"
	"os"
	"time"
)

// chaosDelayMax is the longest delay of ChaosDelayMiddleware.
const chaosDelayMax = time.Second

// ChaosDelayMiddleware delays requests for one path by a random time up to a second, only where
// the environment has CHAOS_ENABLED=true and only for CHAOS_PATH (default: every path). It needs
// no agent, has no lease and ends with the process: for a quick look, not for an experiment.
func ChaosDelayMiddleware(next http.Handler) http.Handler {
	return Delay{
		Enabled: os.Getenv("CHAOS_ENABLED") == "true",
		Path:    os.Getenv("CHAOS_PATH"),
	}.Wrap(next)
}

// Delay is a fixed, agentless delay. The zero value does nothing.
type Delay struct {
	// Enabled turns it on.
	Enabled bool
	// Path is the one path it is for; empty for all.
	Path string
	// Most is the longest delay, drawn evenly from 0; 0 is a second.
	Most time.Duration
	// Draw gives a number from 0 to 1; nil draws at random.
	Draw func() float64
}

// Wrap returns the handler with the delay in front, or the handler itself where it is off.
func (d Delay) Wrap(next http.Handler) http.Handler {
	if !d.Enabled {
		return next
	}
	if d.Most <= 0 {
		d.Most = chaosDelayMax
	}
	if d.Draw == nil {
		d.Draw = rand.Float64
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.Path == "" || r.URL.Path == d.Path {
			timer := time.NewTimer(time.Duration(d.Draw() * float64(d.Most)))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

//go:build chaos

package controller

import (
	"testing"

	"github.com/squall-dev/squall/sdk/go/chaostest"
)

// go test -tags chaos -run ChaosSuite ./... while the target service and an agent run.
func TestChaosSuite(t *testing.T) { chaostest.Suite(t, "chaos/*.yaml") }

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shared is a dependency of every module here, which the controller keeps at
// an older version than the services do.
const shared = "github.com/prometheus/common"

// list returns the version of shared that a module in dir is built with.
// GOWORK=off is how the shop is built and tested: a workspace would raise
// every module to the highest version that any of them asks for.
func list(t *testing.T, dir string, env ...string) string {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Version}}", shared)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go list in %s: %v\n%s", dir, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestServicesDoNotReachTheController(t *testing.T) {
	own := list(t, ".")
	for _, service := range []string{"gateway", "order", "payment", "inventory"} {
		if theirs := list(t, filepath.Join("..", service)); theirs == own {
			t.Errorf("%s and the controller are both at %s: the versions must differ to prove anything", service, own)
		}
	}
}

func TestARaisedVersionStaysInItsModule(t *testing.T) {
	high := list(t, "../payment")
	low := list(t, ".")
	root := t.TempDir()
	for _, module := range []string{"payment", "controller"} {
		dir := filepath.Join(root, module)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"go.mod", "go.sum"} {
			// Both start from the controller's own files, so at the low version.
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	raised := filepath.Join(root, "payment")
	edit := exec.Command("go", "mod", "edit", "-require", shared+"@"+high)
	edit.Dir = raised
	if out, err := edit.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// The raised copy may note the checksums of what it now needs.
	if got := list(t, raised, "GOFLAGS=-mod=mod", "GONOSUMDB=*"); got != high {
		t.Errorf("payment was raised to %s but is built with %s", high, got)
	}
	if got := list(t, filepath.Join(root, "controller")); got != low {
		t.Errorf("raising payment took the controller from %s to %s", low, got)
	}
}

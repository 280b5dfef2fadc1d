package controller

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

// shared is a dependency that both modules may have at different versions. GOWORK=off is how each
// is built and tested: a workspace would raise both to the highest version that either asks for.
const shared = "golang.org/x/text"

// locale keeps the dependency in use, so that go mod tidy leaves it.
var locale = language.English

func list(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Version}}", shared)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go list in %s: %v\n%s", dir, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestARaisedVersionStaysInItsModule(t *testing.T) {
	own, theirs := list(t, "."), list(t, filepath.Join("..", "target-service"))
	if own == theirs {
		t.Fatalf("both modules are at %s: the versions must differ to prove anything", own)
	}
	root := t.TempDir()
	for _, module := range []string{"raised", "untouched"} {
		dir := filepath.Join(root, module)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := "module " + module + "\n\ngo 1.26.0\n\nrequire " + shared + " " + own + "\n"
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit := exec.Command("go", "mod", "edit", "-require", shared+"@"+theirs)
	edit.Dir = filepath.Join(root, "raised")
	if out, err := edit.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := list(t, filepath.Join(root, "raised")); got != theirs {
		t.Errorf("raised to %s, and built with %s", theirs, got)
	}
	if got := list(t, filepath.Join(root, "untouched")); got != own {
		t.Errorf("raising one module took the other from %s to %s", own, got)
	}
}

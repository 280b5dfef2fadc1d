// Package chaostest runs Squall's experiments from `go test`:
//
//	func TestChaosSuite(t *testing.T) {
//		chaostest.Suite(t, "chaos/*.yaml")
//	}
//
// `go test -run ChaosSuite ./...` then runs each experiment as a subtest. A hypothesis that is
// not held fails it with the verdict, its evidence and the path of the report. The engine is the
// squall program, found by SQUALL_BIN or on the PATH; Squall restores the system whatever becomes
// of the test.
package chaostest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopMax is how long an interrupted run may take to restore before the test gives up on it. The
// agent restores without it, too.
const stopMax = 30 * time.Second

// Result is how an experiment ended.
type Result struct {
	// Verdict is held, refuted, aborted, inconclusive or invalid.
	Verdict string `json:"verdict"`
	// Sentence says it in one line.
	Sentence string `json:"sentence"`
	// Exit is squall's exit code: 0 held, 1 refuted, 2 refused, 3 stopped, 4 undecided, 5 not
	// restored.
	Exit int `json:"exit"`
	// Run is the run's id.
	Run string `json:"run"`
	// Indicators are the steady state's, one by one.
	Indicators []Indicator `json:"indicators"`
	// Files are where the record and the report are.
	Files Files `json:"files"`
	// Diagnostics is what squall said besides; for a refused file it says why.
	Diagnostics string `json:"-"`
}

// Indicator is one line of the evidence.
type Indicator struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Bound   string `json:"bound"`
	During  string `json:"during"`
	Text    string `json:"text"`
}

// Files are what a run leaves.
type Files struct {
	Record string `json:"record"`
	Report string `json:"report"`
}

// Held tells whether the hypothesis held.
func (r *Result) Held() bool { return r.Exit == 0 }

// String is the verdict with its evidence, as a failed test shows it.
func (r *Result) String() string {
	var b strings.Builder
	verdict := r.Verdict
	if verdict == "" {
		verdict = fmt.Sprintf("exit %d", r.Exit)
	}
	fmt.Fprintf(&b, "%s: %s\n", verdict, r.Sentence)
	for _, i := range r.Indicators {
		fmt.Fprintf(&b, "  %-12s %s %s: %s\n", i.Outcome, i.Name, i.Bound, i.Text)
	}
	if r.Files.Report != "" {
		fmt.Fprintf(&b, "  report       %s\n", r.Files.Report)
	}
	if r.Files.Record != "" {
		fmt.Fprintf(&b, "  record       %s\n", r.Files.Record)
	}
	if r.Exit == 2 || r.Verdict == "" {
		b.WriteString(r.Diagnostics)
	}
	return b.String()
}

// Engine is the squall program and how it is called. The zero value works.
type Engine struct {
	// Path is the program; empty looks for SQUALL_BIN, then on the PATH.
	Path string
	// Args go in front of the verb's own, for example --services.
	Args []string
	// Env is added to the environment.
	Env []string
	// Wrap is a command that squall is run by, for example nsenter with its words.
	Wrap []string
}

// ErrNoEngine is a machine without squall.
var ErrNoEngine = errors.New("chaostest: no squall program: set SQUALL_BIN, or put squall on the PATH")

func (e Engine) command(ctx context.Context, file string) (*exec.Cmd, error) {
	path := e.Path
	if path == "" {
		path = os.Getenv("SQUALL_BIN")
	}
	if path == "" {
		found, err := exec.LookPath("squall")
		if err != nil {
			return nil, ErrNoEngine
		}
		path = found
	}
	words := append(append([]string{}, e.Wrap...), path, "run", file, "--output", "json")
	words = append(words, e.Args...)
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Env = append(os.Environ(), e.Env...)
	// An interrupt lets it restore and say its verdict; a kill leaves that to the agent.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGINT) }
	command.WaitDelay = stopMax
	return command, nil
}

// Run runs one experiment. The error is for what kept it from being run at all; a verdict of any
// kind is a result.
func (e Engine) Run(ctx context.Context, file string) (*Result, error) {
	command, err := e.command(ctx, file)
	if err != nil {
		return nil, err
	}
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	err = command.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		return nil, fmt.Errorf("chaostest: %w", err)
	}
	result := &Result{Exit: command.ProcessState.ExitCode(), Diagnostics: said.String()}
	if out.Len() > 0 {
		// The exit code of the process counts, whatever the document says.
		exit := result.Exit
		if err := json.Unmarshal(out.Bytes(), result); err != nil {
			return nil, fmt.Errorf("chaostest: squall's answer: %w\n%s", err, result.Diagnostics)
		}
		result.Exit = exit
	}
	return result, nil
}

// Run runs one experiment and fails the test unless it is held.
func Run(t *testing.T, file string) *Result {
	t.Helper()
	return Engine{}.Test(t, file)
}

// Test runs one experiment and fails the test unless it is held.
func (e Engine) Test(t *testing.T, file string) *Result {
	t.Helper()
	result, err := e.Run(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Held() {
		t.Errorf("%s\n%s", file, result)
	} else {
		t.Logf("%s\n%s", file, result)
	}
	return result
}

// Suite runs every experiment that a pattern of files names, each as a subtest, one after the
// other: two at once would blur each other's evidence.
func Suite(t *testing.T, pattern string) {
	t.Helper()
	Engine{}.Suite(t, pattern)
}

// Suite is the function of that name, with this engine.
func (e Engine) Suite(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		// A suite that runs nothing must not look like one that passed.
		t.Fatalf("no experiment is named by %s", pattern)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), func(t *testing.T) { e.Test(t, file) })
	}
}

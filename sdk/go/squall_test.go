package squall

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/squall-dev/squall/sdk/go/hook"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// patience is how long anything awaited may take on a busy machine.
const patience = 20 * time.Second

// agent is the other end of the protocol, played by the test. The real agent is met by the tests
// of Squall itself.
type agent struct {
	t      *testing.T
	listen net.Listener
	path   string
	conn   net.Conn
	lines  *bufio.Reader
	hello  wire.Hello
}

func newAgent(t *testing.T) *agent {
	t.Helper()
	a := &agent{t: t, path: filepath.Join(t.TempDir(), "sdk.sock")}
	a.open()
	t.Cleanup(func() { a.listen.Close() })
	return a
}

func (a *agent) open() {
	a.t.Helper()
	listen, err := net.Listen("unix", a.path)
	if err != nil {
		a.t.Fatal(err)
	}
	a.listen = listen
}

// accept greets the next process.
func (a *agent) accept() {
	a.t.Helper()
	conn, err := a.listen.Accept()
	if err != nil {
		a.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		a.t.Fatal(err)
	}
	a.conn, a.lines = conn, bufio.NewReader(conn)
	a.hello = *a.next().Hello
	a.say(`{"welcome":{"v":1,"version":"test"}}`)
}

func (a *agent) next() wire.ToAgent {
	a.t.Helper()
	line, err := a.lines.ReadBytes('\n')
	if err != nil {
		a.t.Fatal(err)
	}
	message, err := wire.DecodeOwn(line)
	if err != nil {
		a.t.Fatal(err)
	}
	return message
}

func (a *agent) say(line string) {
	a.t.Helper()
	if _, err := a.conn.Write([]byte(line + "\n")); err != nil {
		a.t.Fatal(err)
	}
}

// arm arms a probe and returns why it was not.
func (a *agent) arm(id, probe, params string, leaseMs int) string {
	a.t.Helper()
	a.say(fmt.Sprintf(`{"arm":{"call":1,"id":%q,"probe":%q,"params":%s,"filters":{},"leaseMs":%d,"seed":1}}`, id, probe, params, leaseMs))
	ack := a.next().Ack
	if ack.Error != nil {
		return *ack.Error
	}
	return ""
}

func start(t *testing.T, path string, options ...Option) *Agent {
	t.Helper()
	quiet := WithLog(func(string, ...any) {})
	got := Start(append([]Option{quiet, WithSocket(path), WithService("order")}, options...)...)
	t.Cleanup(got.Stop)
	return got
}

func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %s: %s", patience, what)
		}
	}
}

func TestItIsOffWithoutASocketAndStartsOnce(t *testing.T) {
	t.Setenv("SQUALL_AGENT", "")
	off := Start()
	if off.IsOn() || off.IsConnected() || off.Err() != nil {
		t.Error("on without a socket")
	}
	off.Stop()
	a := newAgent(t)
	first := start(t, a.path)
	second := start(t, a.path)
	if !errors.Is(second.Err(), ErrStarted) || second.IsOn() {
		t.Errorf("started twice: %v", second.Err())
	}
	second.Stop()
	if !first.IsOn() {
		t.Error("stopping the second stopped the first")
	}
}

func TestAFaultIsArmedMeasuredRenewedAndDisarmed(t *testing.T) {
	a := newAgent(t)
	start(t, a.path, WithInstance("order-1"), WithLabels(map[string]string{"zone": "a"}))
	a.accept()
	if a.hello.Service != "order" || a.hello.Instance != "order-1" || a.hello.Labels["zone"] != "a" || len(a.hello.Probes) < 13 {
		t.Errorf("%+v", a.hello)
	}
	if why := a.arm("r/i", "go.http-delay", `{"mean":"1ms"}`, 60_000); why != "" {
		t.Fatal(why)
	}
	hook.HTTPServer.Armed().Pick(hook.Request{}).End()
	a.say(`{"renew":{"call":2,"id":"r/i","leaseMs":60000}}`)
	if ack := a.next().Ack; ack.Error != nil {
		t.Error(*ack.Error)
	}
	a.say(`{"bite":{"call":3,"id":"r/i"}}`)
	if ack := a.next().Ack; ack.Bite == nil || ack.Bite.Hits != 1 {
		t.Errorf("%+v", ack)
	}
	a.say(`{"disarm":{"call":4,"id":"r/i"}}`)
	if ack := a.next().Ack; ack.Call != 4 || ack.Recovered == nil || len(ack.Recovered.Residue) != 0 {
		t.Errorf("%+v", ack)
	}
	if hook.HTTPServer.Armed() != nil {
		t.Error("still armed")
	}
}

func TestAnAgentThatDiesALeaseThatEndsAndAStopDisarm(t *testing.T) {
	a := newAgent(t)
	own := start(t, a.path)
	a.accept()
	if why := a.arm("r/1", "go.http-delay", `{}`, 30); why != "" {
		t.Fatal(why)
	}
	if event := a.next().Event; event == nil || event.Why != "lease" || event.ID != "r/1" {
		t.Fatalf("%+v", event)
	}
	if why := a.arm("r/2", "go.http-delay", `{}`, 60_000); why != "" {
		t.Fatal(why)
	}
	a.conn.Close()
	until(t, "a closed socket disarms", func() bool { return hook.HTTPServer.Armed() == nil })
	// It comes back by itself and registers anew.
	a.accept()
	if why := a.arm("r/3", "go.http-delay", `{}`, 60_000); why != "" {
		t.Fatal(why)
	}
	own.Stop()
	if hook.HTTPServer.Armed() != nil {
		t.Error("armed after Stop")
	}
}

func TestASignalDisarmsAndTheProcessGoesOn(t *testing.T) {
	a := newAgent(t)
	start(t, a.path, WithSignals(syscall.SIGUSR1))
	a.accept()
	if why := a.arm("r/1", "go.http-error", `{"status":"503"}`, 60_000); why != "" {
		t.Fatal(why)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if event := a.next().Event; event == nil || event.Why != "signal" {
		t.Errorf("%+v", event)
	}
}

func TestTheCapCannotBeRaised(t *testing.T) {
	a := newAgent(t)
	start(t, a.path, WithCap(40*time.Millisecond), WithCap(time.Hour))
	a.accept()
	if a.hello.CapMs != 40 {
		t.Errorf("cap %d ms", a.hello.CapMs)
	}
	if why := a.arm("r/1", "go.http-delay", `{}`, 3_600_000); why != "" {
		t.Fatal(why)
	}
	if event := a.next().Event; event == nil || event.Why != "cap" {
		t.Errorf("%+v", event)
	}
}

func TestAnAgentThatSpeaksNonsenseOrRefusesIsLeft(t *testing.T) {
	for name, line := range map[string]string{
		"nonsense": "HTTP/1.1 400 Bad Request", "refused": `{"refused":{"message":"not you"}}`,
		"another version": `{"welcome":{"v":99,"version":"x"}}`,
	} {
		a := newAgent(t)
		var said atomic.Value
		own := start(t, a.path, WithLog(func(format string, args ...any) { said.Store(fmt.Sprintf(format, args...)) }))
		conn, err := a.listen.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		until(t, name+" is told", func() bool { return said.Load() != nil })
		conn.Close()
		own.Stop()
	}
}

func TestASocketThatIsNoneIsNotDialed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var said atomic.Value
	start(t, path, WithLog(func(format string, args ...any) { said.Store(fmt.Sprintf(format, args...)) }))
	until(t, "it is told", func() bool { return said.Load() != nil })
	if text := said.Load().(string); !strings.Contains(text, "no socket") {
		t.Error(text)
	}
}

func TestASocketOfAnotherUserIsNotTrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: only root makes a socket of another user")
	}
	a := newAgent(t)
	if err := os.Chown(a.path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	var said atomic.Value
	start(t, a.path, WithLog(func(format string, args ...any) { said.Store(fmt.Sprintf(format, args...)) }))
	until(t, "it is told", func() bool { return said.Load() != nil })
	if text := said.Load().(string); !strings.Contains(text, "12345") {
		t.Error(text)
	}
}

// flush is a probe of a process's own.
type flush struct{ on, loaded atomic.Bool }

func (f *flush) Name() string               { return "cache.flush" }
func (f *flush) Load(context.Context) error { f.loaded.Store(true); return nil }
func (f *flush) Validate(params map[string]string) error {
	if params["what"] == "" {
		return errors.New("what: say which cache")
	}
	return nil
}
func (f *flush) Exec(context.Context, string, map[string]string) (func() error, error) {
	f.on.Store(true)
	return func() error { f.on.Store(false); return nil }, nil
}
func (f *flush) Measure(string) Measure {
	return Measure{Hits: 1, Seen: 2, Detail: "one of two shards flushed"}
}

func TestAProbeOfTheProcesssOwnLivesTheSameLife(t *testing.T) {
	probe := &flush{}
	if err := Register(probe); err != nil {
		t.Fatal(err)
	}
	if err := Register(probe); !errors.Is(err, ErrTaken) {
		t.Errorf("%v", err)
	}
	if err := Register(named("go.mine")); err == nil {
		t.Error("a name of Squall's was given away")
	}
	a := newAgent(t)
	start(t, a.path)
	a.accept()
	if !strings.Contains(strings.Join(a.hello.Probes, " "), "cache.flush") {
		t.Errorf("%v", a.hello.Probes)
	}
	if why := a.arm("r/1", "cache.flush", `{}`, 60_000); !strings.Contains(why, "which cache") || !probe.loaded.Load() {
		t.Errorf("%q", why)
	}
	if why := a.arm("r/1", "cache.flush", `{"what":"sku"}`, 60_000); why != "" || !probe.on.Load() {
		t.Fatal(why)
	}
	a.say(`{"disarm":{"call":4,"id":"r/1"}}`)
	if ack := a.next().Ack; ack.Bite.Hits != 1 || ack.Bite.Seen != 2 || probe.on.Load() {
		t.Errorf("%+v", ack)
	}
}

type named string

func (n named) Name() string { return string(n) }
func (n named) Exec(context.Context, string, map[string]string) (func() error, error) {
	return nil, nil
}

func TestEncodedMessagesAreOneLine(t *testing.T) {
	line := wire.Encode(wire.ToAgent{Event: &wire.Event{ID: "a\nb", Why: "lease"}})
	if strings.Count(string(line), "\n") != 1 || !json.Valid(line) {
		t.Errorf("%q", line)
	}
}

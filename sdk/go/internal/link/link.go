// Package link keeps the connection to the agent: it dials, says hello, carries calls to the
// life of the faults, and ends them all when the connection is gone.
package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/squall-dev/squall/sdk/go/internal/life"
	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

const (
	// retryMin and retryMax bound the time between two attempts; an agent often starts together
	// with a run, which should not wait for its targets.
	retryMin = 50 * time.Millisecond
	retryMax = 500 * time.Millisecond
	// dialMax is how long the agent may take to greet.
	dialMax = 2 * time.Second
	// writeMax is how long a message may take to leave.
	writeMax = 2 * time.Second
)

// Link is one process's connection to its agent.
type Link struct {
	// Path is the agent's socket.
	Path string
	// Hello is called for each connection, since probes may have been added.
	Hello func() wire.Hello
	// Life is what calls act on.
	Life *life.Life
	// Say is told in words what happens; nil says nothing.
	Say func(format string, args ...any)

	mu      sync.Mutex
	conn    net.Conn
	refused string
}

// Run keeps the connection until the context ends, then ends every fault.
func (l *Link) Run(ctx context.Context) {
	wait := retryMin
	for ctx.Err() == nil {
		greeted, err := l.session(ctx)
		l.Life.EndAll(life.WhyClosed)
		if greeted {
			wait = retryMin
		}
		l.tell(err)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
		wait = min(2*wait, retryMax)
	}
	l.Life.EndAll(life.WhyClosed)
}

// tell says each reason once; an agent that is not there is the usual state.
func (l *Link) tell(err error) {
	text := ""
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		text = err.Error()
	}
	l.mu.Lock()
	isNew := text != "" && text != l.refused
	l.refused = text
	l.mu.Unlock()
	if isNew && l.Say != nil {
		l.Say("squall: %s", text)
	}
}

// session is one connection, from dialing to its end.
func (l *Link) session(ctx context.Context) (greeted bool, err error) {
	if err := owned(l.Path); err != nil {
		return false, err
	}
	dialer := net.Dialer{Timeout: dialMax}
	conn, err := dialer.DialContext(ctx, "unix", l.Path)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if err := trusted(conn.(*net.UnixConn)); err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	l.attach(conn)
	defer l.attach(nil)
	if err := l.Send(&wire.ToAgent{Hello: ptr(l.Hello())}); err != nil {
		return false, err
	}
	lines := wire.NewLines(conn)
	if err := conn.SetReadDeadline(time.Now().Add(dialMax)); err != nil {
		return false, err
	}
	first, err := lines.Next()
	switch {
	case err != nil:
		return false, fmt.Errorf("the agent on %s did not greet: %w", l.Path, err)
	case first.Refused != nil:
		return false, fmt.Errorf("the agent refused this process: %s", first.Refused.Message)
	case first.Welcome == nil || first.Welcome.V != wire.Version:
		return false, fmt.Errorf("the agent on %s speaks another protocol; use the same release of both", l.Path)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return true, err
	}
	for {
		message, err := lines.Next()
		if err != nil {
			return true, ended(err)
		}
		if message.Refused != nil {
			return true, fmt.Errorf("the agent refused this process: %s", message.Refused.Message)
		}
		l.serve(message)
	}
}

// ended leaves the usual end out.
func ended(err error) error {
	var op *net.OpError
	if errors.Is(err, net.ErrClosed) || err.Error() == "EOF" || errors.As(err, &op) {
		return nil
	}
	return err
}

// serve carries out one call. What may take a while goes aside, so that renewals and ends are
// never behind it.
func (l *Link) serve(message wire.FromAgent) {
	switch {
	case message.Arm != nil:
		go func() { l.answer(message.Arm.Call, nil, nil, l.Life.Arm(message.Arm)) }()
	case message.Renew != nil:
		l.answer(message.Renew.Call, nil, nil, l.Life.Renew(message.Renew))
	case message.Bite != nil:
		bite, err := l.Life.Measure(message.Bite.ID)
		l.answer(message.Bite.Call, bite, nil, err)
	case message.Disarm != nil:
		go func() {
			bite, recovered, err := l.Life.Disarm(message.Disarm.ID)
			l.answer(message.Disarm.Call, bite, recovered, err)
		}()
	}
}

func (l *Link) answer(call uint64, bite *wire.Bite, recovered *wire.Recovered, err error) {
	ack := &wire.Ack{Call: call, Bite: bite, Recovered: recovered}
	if err != nil {
		ack.Error = ptr(err.Error())
	}
	// Without a connection nobody waits for it.
	_ = l.Send(&wire.ToAgent{Ack: ack})
}

// Send sends one message on the connection there is.
func (l *Link) Send(message *wire.ToAgent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return net.ErrClosed
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeMax)); err != nil {
		return err
	}
	_, err := l.conn.Write(wire.Encode(message))
	if err != nil {
		// Half a line would turn the next one into nonsense.
		l.conn.Close()
	}
	return err
}

func (l *Link) attach(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
}

// IsConnected tells whether an agent is there.
func (l *Link) IsConnected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn != nil
}

// owned refuses a socket that neither root nor this user has made: whoever can put one there
// could arm faults in this process.
func owned(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s is no socket; SQUALL_AGENT names the agent's", path)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, not to root or this process's user; not connecting", path, stat.Uid)
	}
	return nil
}

func ptr[T any](value T) *T { return &value }

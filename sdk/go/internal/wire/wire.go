// Package wire is the protocol between a process and Squall's agent: one JSON message a line,
// both ways, over a unix socket that the agent listens on. The same messages are in Squall's
// crate wire, and both sides read the golden vectors beside it.
package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is what both sides must share.
const Version = 1

// LineMax is the longest message in bytes; an arm has about one KiB.
const LineMax = 64 << 10

// ToAgent is a message of the process. Exactly one field is set.
type ToAgent struct {
	Hello *Hello `json:"hello,omitempty"`
	Ack   *Ack   `json:"ack,omitempty"`
	Event *Event `json:"event,omitempty"`
}

// FromAgent is a message of the agent. Exactly one field is set.
type FromAgent struct {
	Welcome *Welcome `json:"welcome,omitempty"`
	Arm     *Arm     `json:"arm,omitempty"`
	Renew   *Renew   `json:"renew,omitempty"`
	Bite    *Call    `json:"bite,omitempty"`
	Disarm  *Call    `json:"disarm,omitempty"`
	Refused *Refused `json:"refused,omitempty"`
}

// Hello is the first message of a connection.
type Hello struct {
	V        uint32            `json:"v"`
	Pid      int               `json:"pid"`
	Service  string            `json:"service"`
	Instance string            `json:"instance"`
	Labels   map[string]string `json:"labels"`
	Sdk      string            `json:"sdk"`
	Go       string            `json:"go"`
	// Probes are the names that can be armed here, ours and the process's own.
	Probes []string `json:"probes"`
	// CapMs is the longest a fault lives here whatever the agent says.
	CapMs int64 `json:"capMs"`
}

// Welcome answers a hello.
type Welcome struct {
	V       uint32 `json:"v"`
	Version string `json:"version"`
}

// Arm starts a fault.
type Arm struct {
	Call uint64 `json:"call"`
	// ID is the injection, unique among all that are armed.
	ID      string            `json:"id"`
	Probe   string            `json:"probe"`
	Params  map[string]string `json:"params"`
	Filters map[string]string `json:"filters"`
	LeaseMs int64             `json:"leaseMs"`
	Seed    uint64            `json:"seed"`
}

// Renew moves the end of a lease.
type Renew struct {
	Call    uint64 `json:"call"`
	ID      string `json:"id"`
	LeaseMs int64  `json:"leaseMs"`
}

// Call asks for a measurement, or ends a fault.
type Call struct {
	Call uint64 `json:"call"`
	ID   string `json:"id"`
}

// Refused says that the agent does not talk to this process.
type Refused struct {
	Message string `json:"message"`
}

// Ack answers one call.
type Ack struct {
	Call uint64 `json:"call"`
	// Error says why it was not done; nothing is armed by a failed arm.
	Error *string `json:"error"`
	// Bite is the answer to bite and disarm.
	Bite *Bite `json:"bite"`
	// Recovered is the answer to disarm.
	Recovered *Recovered `json:"recovered"`
}

// Bite is what a fault shows of its own effect.
type Bite struct {
	Hits      uint64   `json:"hits"`
	Seen      uint64   `json:"seen"`
	Asked     *float64 `json:"asked"`
	Delivered *float64 `json:"delivered"`
	Detail    string   `json:"detail"`
}

// Recovered compares the process before a fault and after its undo.
type Recovered struct {
	Before Vitals `json:"before"`
	After  Vitals `json:"after"`
	// Residue is what of the fault itself is still there; empty is restored.
	Residue []string `json:"residue"`
}

// Vitals are what a leak would show in.
type Vitals struct {
	Goroutines int `json:"goroutines"`
	// HeapBytes are live objects.
	HeapBytes   uint64 `json:"heapBytes"`
	Descriptors int    `json:"descriptors"`
	// LockWaitMs is the time goroutines waited for locks since the process began.
	LockWaitMs float64 `json:"lockWaitMs"`
}

// Event is what the process says without being asked.
type Event struct {
	ID string `json:"id"`
	// Why it ended: lease, cap, closed, signal, stopped, failed.
	Why       string     `json:"why"`
	Bite      *Bite      `json:"bite"`
	Recovered *Recovered `json:"recovered"`
}

// ErrEmpty is a message without content.
var ErrEmpty = errors.New("a message has exactly one field")

// Encode renders a message as one line, newline included.
func Encode(message any) []byte {
	line, err := json.Marshal(message)
	if err != nil {
		// The types above hold nothing that JSON cannot.
		panic("squall: " + err.Error())
	}
	return append(line, '\n')
}

// Decode reads one line of the agent. Unknown fields are errors: a newer agent must not believe
// that something was understood.
func Decode(line []byte) (FromAgent, error) {
	var message FromAgent
	if err := strict(line, &message); err != nil {
		return FromAgent{}, err
	}
	set := 0
	for _, there := range []bool{
		message.Welcome != nil, message.Arm != nil, message.Renew != nil,
		message.Bite != nil, message.Disarm != nil, message.Refused != nil,
	} {
		if there {
			set++
		}
	}
	if set != 1 {
		return FromAgent{}, ErrEmpty
	}
	return message, nil
}

// DecodeOwn reads one line of a process; only tests need it.
func DecodeOwn(line []byte) (ToAgent, error) {
	var message ToAgent
	err := strict(line, &message)
	return message, err
}

func strict(line []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("not a message of this protocol: %w", err)
	}
	if decoder.More() {
		return errors.New("not a message of this protocol: more than one on a line")
	}
	return nil
}

// Lines reads messages of the agent from a stream, each at most LineMax long.
type Lines struct{ scanner *bufio.Scanner }

// NewLines reads from a stream.
func NewLines(from io.Reader) *Lines {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(make([]byte, 0, 4096), LineMax)
	return &Lines{scanner}
}

// Next returns the next message; io.EOF where the stream ended well.
func (l *Lines) Next() (FromAgent, error) {
	if !l.scanner.Scan() {
		if err := l.scanner.Err(); err != nil {
			return FromAgent{}, err
		}
		return FromAgent{}, io.EOF
	}
	return Decode(l.scanner.Bytes())
}

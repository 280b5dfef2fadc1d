package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// The agent's crate reads the same files; neither side changes a message alone.
const vectors = "../../../../crates/wire/vectors/"

func lines(t *testing.T, file string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(vectors + file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

func TestGoldenVectorsAreReadAndWrittenByteForByte(t *testing.T) {
	for _, line := range lines(t, "sdk_calls.v1.jsonl") {
		message, err := Decode(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if got := Encode(message); !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(line)) {
			t.Errorf("read  %s\nwrote %s", line, got)
		}
	}
	for _, line := range lines(t, "sdk_answers.v1.jsonl") {
		message, err := DecodeOwn(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if got := Encode(message); !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(line)) {
			t.Errorf("read  %s\nwrote %s", line, got)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, line := range []string{
		"", "null", "{}", "[]", "hello", `{"arm":null}`, `{"arm":{"call":"x"}}`, `{"renew":{},"bite":{}}`,
		`{"arm":{"call":1,"surprise":true}}`, `{"welcome":{"v":1,"version":"x"}} {}`, "\x00\xff",
	} {
		if message, err := Decode([]byte(line)); err == nil {
			t.Errorf("%q is read as %+v", line, message)
		}
	}
}

func TestALineThatIsTooLongEndsTheStream(t *testing.T) {
	lines := NewLines(strings.NewReader(strings.Repeat("x", LineMax+1) + "\n"))
	if _, err := lines.Next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, file := range []string{"sdk_calls.v1.jsonl", "sdk_answers.v1.jsonl"} {
		text, err := os.ReadFile(vectors + file)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range bytes.Split(text, []byte("\n")) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		message, err := Decode(line)
		if err != nil {
			return
		}
		again, err := Decode(Encode(message))
		if err != nil {
			t.Errorf("%q: written, and not read again: %v", line, err)
		}
		if !bytes.Equal(Encode(message), Encode(again)) {
			t.Errorf("%q: changed on the way", line)
		}
	})
}

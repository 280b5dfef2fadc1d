package value

import (
	"strings"
	"testing"
	"time"
)

func TestValuesAreReadInTheirUnits(t *testing.T) {
	p := Params{"mean": "50ms", "share": "12.5%", "size": "64MiB", "small": "1.5kB", "count": "7", "side": "client"}
	if got, err := p.Duration("mean", 0, time.Minute); err != nil || got != 50*time.Millisecond {
		t.Errorf("duration: %v, %v", got, err)
	}
	if got, err := p.Share("share", 1); err != nil || got != 0.125 {
		t.Errorf("share: %v, %v", got, err)
	}
	if got, err := p.Bytes("size", 0, 1<<30); err != nil || got != 64<<20 {
		t.Errorf("bytes: %v, %v", got, err)
	}
	if got, err := p.Bytes("small", 0, 1<<30); err != nil || got != 1500 {
		t.Errorf("bytes: %v, %v", got, err)
	}
	if got, err := p.Count("count", 1, 1, 10); err != nil || got != 7 {
		t.Errorf("count: %v, %v", got, err)
	}
	if got, err := p.Word("side", "server", "client"); err != nil || got != "client" {
		t.Errorf("word: %v, %v", got, err)
	}
	if got, err := p.Share("absent", 1); err != nil || got != 1 {
		t.Errorf("default: %v, %v", got, err)
	}
}

func TestWhatIsNoValueNamesItsKeyAndWhatItTakes(t *testing.T) {
	p := Params{"mean": "-1s", "share": "0.5", "nan": "NaN%", "size": "64", "huge": "9e99GiB", "count": "x", "side": "both"}
	_, mean := p.Duration("mean", 0, time.Minute)
	_, share := p.Share("share", 1)
	_, nan := p.Share("nan", 1)
	_, size := p.Bytes("size", 0, 1<<30)
	_, huge := p.Bytes("huge", 0, 1<<30)
	_, count := p.Count("count", 1, 1, 10)
	_, side := p.Word("side", "server", "client")
	for key, err := range map[string]error{"mean": mean, "share": share, "nan": nan, "size": size, "huge": huge, "count": count, "side": side} {
		if err == nil || !strings.HasPrefix(err.Error(), key+": ") {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := p.Known("mean", "share"); err == nil {
		t.Error("unknown keys pass")
	}
	if err := (Params{"mean": "1s"}).Known("mean"); err != nil {
		t.Error(err)
	}
}

func FuzzValues(f *testing.F) {
	for _, seed := range []string{"50ms", "12.5%", "64MiB", "", "%", "MiB", "-1B", "1e400GiB", "NaN%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := Params{"v": text}
		if got, err := p.Share("v", 0); err == nil && !(got >= 0 && got <= 1) {
			t.Errorf("share %v of %q", got, text)
		}
		if got, err := p.Bytes("v", 0, 1<<30); err == nil && got > 1<<30 {
			t.Errorf("bytes %v of %q", got, text)
		}
		if got, err := p.Duration("v", 0, time.Minute); err == nil && (got < 0 || got > time.Minute) {
			t.Errorf("duration %v of %q", got, text)
		}
	})
}

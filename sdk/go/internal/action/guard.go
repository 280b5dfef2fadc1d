package action

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/squall-dev/squall/sdk/go/internal/meter"
)

// reserve stays free whatever a fault asks for: the service has to keep serving.
const reserve = 64 << 20

// Guard keeps faults from taking more memory than the process has. The zero value is on.
type Guard struct {
	// Lifted takes it off, for a person who wants to see the OOM killer.
	Lifted bool
	// free reads how much there is; tests replace it.
	free func() uint64
}

// Allows tells whether a fault may take so many bytes more.
func (g Guard) Allows(bytes uint64) error {
	if g.Lifted {
		return nil
	}
	read := g.free
	if read == nil {
		read = free
	}
	if room := read(); bytes > room {
		return fmt.Errorf("%d MiB more would leave the process less than %d MiB: %d MiB are free here; "+
			"squall.WithoutMemoryGuard lifts the guard", bytes>>20, reserve>>20, room>>20)
	}
	return nil
}

// free is the least of what the runtime's limit, the cgroup and the host leave, less a reserve.
func free() uint64 {
	room := uint64(math.MaxUint64)
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		room = min(room, sub(uint64(limit), meter.Uint("/memory/classes/total:bytes")))
	}
	for _, pair := range [][2]string{
		{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
		{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"},
	} {
		limit, isLimited := number(pair[0])
		if used, ok := number(pair[1]); isLimited && ok {
			room = min(room, sub(limit, used))
		}
	}
	if available, ok := available(); ok {
		room = min(room, available)
	}
	return sub(room, reserve)
}

func sub(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}

func number(path string) (uint64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	// "max" is no limit and no number.
	got, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return got, err == nil
}

func available() (uint64, bool) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}

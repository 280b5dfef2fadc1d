// Package meter reads what a leak would show in, from the Go runtime and the kernel.
package meter

import (
	"os"
	"runtime"
	"runtime/metrics"

	"github.com/squall-dev/squall/sdk/go/internal/wire"
)

// Vitals reads the process after a collection, so that the heap is what is alive. A collection
// takes some milliseconds of CPU; it happens once before a fault and once after it.
func Vitals() wire.Vitals {
	runtime.GC()
	return wire.Vitals{
		Goroutines:  runtime.NumGoroutine(),
		HeapBytes:   Uint("/memory/classes/heap/objects:bytes"),
		Descriptors: descriptors(),
		LockWaitMs:  Float("/sync/mutex/wait/total:seconds") * 1e3,
	}
}

// Uint reads one whole number of the runtime; 0 where this Go does not have it.
func Uint(name string) uint64 {
	value := read(name)
	if value.Kind() != metrics.KindUint64 {
		return 0
	}
	return value.Uint64()
}

// Float reads one number of the runtime; 0 where this Go does not have it.
func Float(name string) float64 {
	value := read(name)
	if value.Kind() != metrics.KindFloat64 {
		return 0
	}
	return value.Float64()
}

// Longest reads a histogram of the runtime and returns the upper bound of its highest bucket in
// use beyond what an earlier reading had, and the reading itself.
func Longest(name string, earlier []uint64) (float64, []uint64) {
	value := read(name)
	if value.Kind() != metrics.KindFloat64Histogram {
		return 0, nil
	}
	histogram := value.Float64Histogram()
	counts := append([]uint64(nil), histogram.Counts...)
	for i := len(counts) - 1; i >= 0; i-- {
		before := uint64(0)
		if i < len(earlier) {
			before = earlier[i]
		}
		if counts[i] > before {
			// The last bound is infinite; its lower end is what is known then.
			if i+2 == len(histogram.Buckets) {
				return histogram.Buckets[i], counts
			}
			return histogram.Buckets[i+1], counts
		}
	}
	return 0, counts
}

func read(name string) metrics.Value {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value
}

// descriptors counts the open ones, less the one that reads the list; 0 where /proc is absent.
func descriptors() int {
	folder, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names) - 1
}

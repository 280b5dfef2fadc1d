//go:build !linux

package action

import "time"

// threadCPU has no source here; busy loops then run for their whole duration.
func threadCPU() time.Duration { return 0 }

package action

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// stopMax is how long goroutines of a fault may take to leave.
const stopMax = 3 * time.Second

// crew are the goroutines of one use; each leaves when quit is closed.
type crew struct {
	quit  chan struct{}
	once  sync.Once
	wait  sync.WaitGroup
	count atomic.Int64
}

func newCrew() *crew { return &crew{quit: make(chan struct{})} }

// start adds one goroutine.
func (c *crew) start(f func()) {
	c.count.Add(1)
	c.wait.Go(func() {
		defer c.count.Add(-1)
		f()
	})
}

// dismiss asks all to leave and waits for them.
func (c *crew) dismiss() error {
	c.once.Do(func() { close(c.quit) })
	left := make(chan struct{})
	go func() { c.wait.Wait(); close(left) }()
	timer := time.NewTimer(stopMax)
	defer timer.Stop()
	select {
	case <-left:
		return nil
	case <-timer.C:
		return fmt.Errorf("%d goroutines of the fault have not left", c.count.Load())
	}
}

// alive implements running.
func (c *crew) alive() string {
	if count := c.count.Load(); count > 0 {
		return fmt.Sprintf("%d goroutines of the fault are still there", count)
	}
	return ""
}

// pause waits, unless the crew is dismissed; it tells whether work goes on.
func (c *crew) pause(d time.Duration) bool {
	if d <= 0 {
		select {
		case <-c.quit:
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.quit:
		return false
	case <-timer.C:
		return true
	}
}

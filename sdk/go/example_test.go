package squall_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	squall "github.com/squall-dev/squall/sdk/go"
)

func ExampleStart() {
	agent := squall.Start(
		squall.WithService("order"),
		squall.WithInstance("order-1"),
		squall.WithLabels(map[string]string{"zone": "a"}),
		squall.WithSignals(syscall.SIGTERM),
		squall.WithCap(time.Minute),
	)
	defer agent.Stop()
	fmt.Println(agent.IsOn(), agent.IsConnected(), agent.Err())
	// Output: false false <nil>
}

func ExampleWithSocket() {
	agent := squall.Start(squall.WithSocket(os.Getenv("MY_AGENT")), squall.WithLog(func(string, ...any) {}), squall.WithoutMemoryGuard())
	agent.Stop()
}

// cold is a probe of a process's own.
type cold struct{ on *bool }

func (c cold) Name() string { return "cache.cold" }

func (c cold) Exec(context.Context, string, map[string]string) (func() error, error) {
	*c.on = true
	return func() error { *c.on = false; return nil }, nil
}

func (c cold) Measure(string) squall.Measure {
	return squall.Measure{Hits: 1, Seen: 1, Detail: "the cache is cold"}
}

func ExampleRegister() {
	on := false
	fmt.Println(squall.Register(cold{&on}))
	var monitor squall.Monitor = cold{&on}
	fmt.Println(monitor.Measure("").Detail)
	// Output:
	// <nil>
	// the cache is cold
}

func ExampleRegisterLock() {
	var ledger sync.Mutex
	fmt.Println(squall.RegisterLock("ledger", &ledger))
	// Output: <nil>
}

func ExampleRegisterDB() {
	var pool *sql.DB // opened elsewhere, with SetMaxOpenConns
	fmt.Println(squall.RegisterDB("orders", pool))
	// Output: <nil>
}

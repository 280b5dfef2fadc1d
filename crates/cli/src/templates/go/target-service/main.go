// Command target-service is the service under test: put yours in its place, or its wrappers into
// yours.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	squall "github.com/squall-dev/squall/sdk/go"
	squallhttp "github.com/squall-dev/squall/sdk/go/http"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// Off unless SQUALL_AGENT names an agent's socket.
	defer squall.Start(squall.WithService("target-service"), squall.WithSignals(syscall.SIGTERM)).Stop()
	print := message.NewPrinter(language.English)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = print.Fprintf(w, "%d\n", 1_000_000)
	})
	server := &http.Server{Addr: "127.0.0.1:8090", Handler: squallhttp.Handler(mux), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.Background()) })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

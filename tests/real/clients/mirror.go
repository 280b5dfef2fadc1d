package main

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// events are how many a stream has, and pause how long it waits before each.
	events = 10
	pause  = 10 * time.Millisecond
	// guid is what RFC 6455 has a server mix into the key of a handshake.
	guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// mirror serves what a client can see of itself: who it is to the server, its own bytes over an
// upgraded connection, and events that are sent one by one.
func mirror(first, second string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })
	mux.HandleFunc("/events", stream)
	mux.HandleFunc("/ws", upgrade)
	go func() { _ = http.ListenAndServe(second, mux) }()
	return http.ListenAndServe(first, mux)
}

func stream(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for event := range events {
		time.Sleep(pause)
		fmt.Fprintf(w, "id: %d\ndata: %d of %d\n\n", event, event+1, events)
		w.(http.Flusher).Flush()
	}
}

// upgrade shakes hands as a WebSocket server and sends back every byte it gets, frames and all.
func upgrade(w http.ResponseWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + guid))
	connection, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	fmt.Fprintf(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	_, _ = io.Copy(connection, buffered)
}

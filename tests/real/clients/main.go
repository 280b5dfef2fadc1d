// Command clients asks resolvers, shakes hands and serves as Go services do, for the tests of faults
// on names, on TLS and on requests. Standard library only.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync/atomic"
	"time"
)

const patience = 8 * time.Second

func main() {
	words := os.Args[1:]
	var err error
	switch {
	case len(words) == 3 && words[0] == "resolve":
		err = resolve(words[1], words[2])
	case len(words) == 3 && words[0] == "keep":
		keep(words[1], words[2])
	case len(words) == 4 && words[0] == "order":
		err = order(words[1], words[2], words[3])
	case len(words) == 3 && words[0] == "mirror":
		err = mirror(words[1], words[2])
	case len(words) == 5 && words[0] == "tls":
		err = shake(words[1], words[2], words[3], words[4])
	default:
		err = errors.New("usage: clients resolve go|cgo NAME | keep RESOLVER NAME | " +
			"order RESOLVER NAME:PORT CA-FILE | mirror ADDRESS ADDRESS | tls ADDRESS NAME CA-FILE|insecure PROTOCOL|-")
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// resolve looks a name up with Go's own resolver or with the C library's.
func resolve(how, name string) error {
	resolver := &net.Resolver{PreferGo: how == "go"}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	addresses, err := resolver.LookupHost(ctx, name)
	if err != nil {
		return err
	}
	sort.Strings(addresses)
	fmt.Println(strings.Join(addresses, " "))
	return nil
}

// keep looks a name up at one resolver, again and again, and says what it found.
func keep(at, name string) {
	resolver := resolverAt(at)
	for {
		addresses, err := resolver.LookupHost(context.Background(), name)
		if err != nil {
			fmt.Println("error:", err)
		} else {
			fmt.Println(strings.Join(addresses, " "))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// resolverAt is Go's own resolver with one server.
func resolverAt(at string) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
	}
}

// order takes orders by itself: each looks payment up and shakes hands with it anew, within half a
// second. It counts them where a Prometheus would look.
func order(at, payment, trust string) error {
	pem, err := os.ReadFile(trust)
	if err != nil {
		return err
	}
	name, _, err := net.SplitHostPort(payment)
	if err != nil {
		return err
	}
	config := &tls.Config{ServerName: name, RootCAs: x509.NewCertPool(), NextProtos: []string{"h2"}}
	config.RootCAs.AppendCertsFromPEM(pem)
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Resolver: resolverAt(at)}, Config: config}
	var paid, failed atomic.Uint64
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
				defer cancel()
				connection, err := dialer.DialContext(ctx, "tcp", payment)
				if err != nil {
					failed.Add(1)
					return
				}
				connection.Close()
				paid.Add(1)
			}()
		}
	}()
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE orders_total counter\n")
		fmt.Fprintf(w, "orders_total{result=\"ok\"} %d\n", paid.Load())
		fmt.Fprintf(w, "orders_total{result=\"failed\"} %d\n", failed.Load())
	})
	return http.ListenAndServe("127.0.0.1:8080", nil)
}

// shake shakes hands and says the protocol that was agreed on.
func shake(address, name, trust, protocol string) error {
	config := &tls.Config{ServerName: name}
	if protocol != "-" {
		config.NextProtos = []string{protocol}
	}
	if trust == "insecure" {
		config.InsecureSkipVerify = true
	} else {
		pem, err := os.ReadFile(trust)
		if err != nil {
			return err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, config)
	if err != nil {
		return err
	}
	defer connection.Close()
	fmt.Println("ok", connection.ConnectionState().NegotiatedProtocol)
	return nil
}

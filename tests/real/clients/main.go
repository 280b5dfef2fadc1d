// Command clients asks resolvers and shakes hands as Go services do, for the tests of faults on
// names and on TLS. Standard library only.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
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
	case len(words) == 5 && words[0] == "tls":
		err = shake(words[1], words[2], words[3], words[4])
	default:
		err = errors.New("usage: clients resolve go|cgo NAME | keep RESOLVER NAME | " +
			"tls ADDRESS NAME CA-FILE|insecure PROTOCOL|-")
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
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
	}
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

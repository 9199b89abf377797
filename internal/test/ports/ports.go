// Package ports finds ports for the programs that tests start.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports given out, and the second ones, lie below those that Linux (from 32768),
// macOS and Windows (from 49152) choose when a program asks for any port.
const (
	least  = 10_000
	count  = 12_000
	second = 10_000
)

var (
	mu    sync.Mutex
	given = map[int]bool{}
)

// Free returns a port of 127.0.0.1 on which nobody listens, nor 10,000 above it, where a
// node of a Redis Cluster listens too. No program that asks for any port is given it: not
// before the one that it is for listens, and not while that one is ended and started
// again. Otherwise the clients of a test might talk to a server of another test. Free
// returns no port twice.
func Free() (string, error) {
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		port := least + rand.IntN(count)
		if !given[port] && free(port) && free(port+second) {
			given[port] = true
			return strconv.Itoa(port), nil
		}
	}
	return "", errors.New("ports: none is free")
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		l.Close()
	}
	return err == nil
}

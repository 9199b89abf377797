// Package ports finds ports for the programs that tests start.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports that Free returns, and the ports 10,000 above them, are below those that Linux (from
// 32768), macOS and Windows (from 49152) choose when a program asks for any port.
const (
	least  = 10_000
	count  = 12_000
	second = 10_000
)

var (
	mu    sync.Mutex
	given = map[int]bool{}
)

// Free returns a port of 127.0.0.1 that is free, as is the port 10,000 above it, where a node of
// a Redis Cluster listens too. The system never gives it to a program that asks for any port. So
// it stays free before its program listens, and while that program is restarted. Otherwise the
// clients of a test might talk to a server of another test. Free returns no port twice.
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
	return "", errors.New("ports: no port is free")
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		l.Close()
	}
	return err == nil
}

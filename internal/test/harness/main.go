// Package harness has the common parts of the black-box suites: a server with a real socket or
// in fake time, peers that speak its dialects, raw clients that send frames unchanged, and a
// check that no goroutine outlives the tests.
package harness

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Main fails the package if goroutines of a server outlive the tests.
func Main(m *testing.M) {
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	var stacks string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if stacks = Leaked(""); stacks == "" {
			break
		}
	}
	if stacks != "" && code == 0 {
		fmt.Fprintf(os.Stderr, "goroutines left:\n%s\n", stacks)
		code = 1
	}
	os.Exit(code)
}

// Leaked returns the stacks of goroutines that run code of this module, or only code of its
// package pkg, such as "/client.(".
func Leaked(pkg string) string {
	buf := make([]byte, 1<<24)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for _, g := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(g, "TestMain") {
			continue
		}
		if strings.Contains(g, "seed-08328bfd/chat"+pkg) || pkg == "" && strings.Contains(g, "nhooyr.io/websocket") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

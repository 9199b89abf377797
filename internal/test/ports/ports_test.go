package ports_test

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/ports"
)

// A port is returned once, a program can listen on it, and the system does not give it to a
// program that asks for any port.
func TestFree(t *testing.T) {
	seen := map[string]bool{}
	from := 1 << 15 // the system's first port, if it is known
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		fmt.Sscan(string(b), &from)
	}
	for range 200 {
		p, err := ports.Free()
		if err != nil {
			t.Fatal(err)
		}
		if seen[p] {
			t.Fatalf("%s again", p)
		}
		seen[p] = true
		if n, _ := strconv.Atoi(p); from >= 1<<15 && n+10_000 >= from {
			t.Errorf("%d, and the system's ports begin at %d", n, from)
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+p)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}

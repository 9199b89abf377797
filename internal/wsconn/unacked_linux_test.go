package wsconn

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// TestUnacked attaches sockets to connections that are only written to, and asks the kernel
// how long it waits for the peer.
func TestUnacked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for timeout, want := range map[time.Duration]int{7 * time.Second: 7000, time.Microsecond: 1, 0: 0} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c := new(Conn)
		c.InitStream(&Config{Clock: func() time.Duration { return 0 }, WriteTimeout: timeout}, busy{}, lines{})
		c.Attach(conn, nil)
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout); err != nil || got != want {
				t.Errorf("with a write timeout of %v the kernel waits %d ms, %v; want %d", timeout, got, err, want)
			}
		})
		conn.Close()
	}
}

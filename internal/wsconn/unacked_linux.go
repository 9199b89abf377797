package wsconn

import (
	"crypto/tls"
	"math"
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of tcp(7), which package syscall does not have.
const tcpUserTimeout = 0x12

// limitUnacked ends conn when the peer has acknowledged nothing for d (RFC 5482). A write
// succeeds as soon as the kernel has room for it, so the kernel alone knows. Without a limit it
// tries for a quarter of an hour to reach a peer that has vanished. 0 means the kernel's limit.
func limitUnacked(conn net.Conn, d time.Duration) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	c, ok := conn.(*net.TCPConn)
	if !ok || d <= 0 {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	ms := int(min(max(d.Milliseconds(), 1), math.MaxInt32))
	raw.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, ms) // a hint: an error changes nothing else
	})
}

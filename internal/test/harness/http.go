package harness

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// Request returns an HTTP/1.1 request with these headers.
func Request(method, path string, header ...string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(header, ""), "\r\n") + "\r\n"
}

// HandshakeWithout returns a handshake without the headers that begin with prefix, and with
// other headers instead.
func HandshakeWithout(prefix string, header ...string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(strings.TrimSuffix(wsconf.Handshake("/ws/r", header...), "\r\n"), "\r\n") {
		if !strings.HasPrefix(line, prefix) || len(header) > 0 && line == header[0]+"\r\n" {
			b.WriteString(line)
		}
	}
	return b.String() + "\r\n"
}

// UpgradeHeaders are the headers that make a GET a handshake.
var UpgradeHeaders = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}

// FailingHijacker is a writer with a Hijack that fails.
type FailingHijacker struct{ http.ResponseWriter }

// Hijack implements [http.Hijacker].
func (FailingHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("the connection is lost")
}

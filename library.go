package chat

import (
	"bufio"
	"net"
	"net/http"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// The WebSocket library reads what is not a plain text frame. It makes a Conn for
// that, with a goroutine and buffers of its own, that take as much memory as all
// else of an idle connection; so it is let make one only when a connection needs
// it, which most never do. The handshake was answered long before then, so it is
// replayed for the library, and nothing of that goes over the wire.

// replayed is the opening handshake as the library wants to see it once more.
var replayed = &http.Request{
	Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	Header: http.Header{
		"Connection":               {"Upgrade"},
		"Upgrade":                  {"websocket"},
		"Sec-Websocket-Version":    {"13"},
		"Sec-Websocket-Key":        {"AAAAAAAAAAAAAAAAAAAAAA=="},
		"Sec-Websocket-Extensions": {"permessage-deflate; client_no_context_takeover; server_no_context_takeover"},
	},
}

// given gives the library the connection.
type given struct {
	m *member
	h http.Header
}

func (g *given) Header() http.Header         { return g.h }
func (g *given) Write(b []byte) (int, error) { return len(b), nil }
func (g *given) WriteHeader(int)             {}

func (g *given) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	lib := libConn{g.m.wire.conn, g.m}
	return lib, bufio.NewReadWriter(bufio.NewReaderSize(lib, 64), bufio.NewWriterSize(lib, 160)), nil
}

// library returns the library's side of the connection.
func (m *member) library() (*ws.Conn, error) {
	if m.conn != nil {
		return m.conn, nil
	}
	opts := ws.AcceptOptions{InsecureSkipVerify: true, CompressionMode: ws.CompressionDisabled}
	if m.enc == encDeflate {
		opts.CompressionMode = ws.CompressionNoContextTakeover
	}
	conn, err := ws.Accept(&given{m, http.Header{}}, replayed, &opts)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(int64(m.room.srv.cfg.frameLimit()))
	m.conn = conn
	return conn, nil
}

package wsconn

import (
	"bufio"
	"net"
	"net/http"
	"unicode/utf8"

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
	c *Conn
	h http.Header
}

func (g *given) Header() http.Header         { return g.h }
func (g *given) Write(b []byte) (int, error) { return len(b), nil }
func (g *given) WriteHeader(int)             {}

func (g *given) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	lib := libConn{g.c.conn, g.c}
	return lib, bufio.NewReadWriter(bufio.NewReaderSize(lib, 64), bufio.NewWriterSize(lib, 160)), nil
}

// library returns the library's side of the connection.
func (c *Conn) library() (*ws.Conn, error) {
	if c.lib != nil {
		return c.lib, nil
	}
	opts := ws.AcceptOptions{InsecureSkipVerify: true, CompressionMode: ws.CompressionDisabled}
	if c.deflate {
		opts.CompressionMode = ws.CompressionNoContextTakeover
	}
	lib, err := ws.Accept(&given{c, http.Header{}}, replayed, &opts)
	if err != nil {
		return nil, err
	}
	lib.SetReadLimit(int64(c.cfg.ReadLimit))
	c.lib = lib
	return lib, nil
}

// libConn is the connection as the library sees it: frames come from input, and
// each Write is one whole control frame. Its Close does nothing, because the Conn closes
// the connection when the last frame is out.
type libConn struct {
	net.Conn
	c *Conn
}

func (l libConn) Read(p []byte) (int, error) { return l.c.in.Read(p) }
func (l libConn) Close() error               { return nil }

func (l libConn) Write(p []byte) (int, error) {
	if p[0] != FinBit|opClose {
		l.c.reply(p)
		return len(p), nil
	}
	code, reason := noCode, ""
	if len(p) >= 4 {
		code, reason = int(p[2])<<8|int(p[3]), string(p[4:])
	}
	if utf8.ValidString(reason) {
		l.c.Close(code, reason)
	} else { // an echo of what the peer sent
		l.c.Close(1007, "")
	}
	return len(p), nil
}

package wsconn

import (
	"bufio"
	"net"
	"net/http"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// The WebSocket library reads frames that are not plain text frames. Its Conn has a
// goroutine and buffers, which take as much memory as everything else of an idle
// connection. So it is made only when a connection needs it; most never do. The handshake
// was answered long before that: it is replayed for the library, and nothing of the replay
// is sent to the client.

// replayedHandshake is an opening handshake for the library.
var replayedHandshake = &http.Request{
	Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	Header: http.Header{
		"Connection":               {"Upgrade"},
		"Upgrade":                  {"websocket"},
		"Sec-Websocket-Version":    {"13"},
		"Sec-Websocket-Key":        {"AAAAAAAAAAAAAAAAAAAAAA=="},
		"Sec-Websocket-Extensions": {"permessage-deflate; client_no_context_takeover; server_no_context_takeover"},
	},
}

// handshakeHijacker is the http.ResponseWriter that hands the connection over to the library.
type handshakeHijacker struct {
	c *Conn
	h http.Header
}

func (g *handshakeHijacker) Header() http.Header         { return g.h }
func (g *handshakeHijacker) Write(b []byte) (int, error) { return len(b), nil }
func (g *handshakeHijacker) WriteHeader(int)             {}

func (g *handshakeHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
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
	lib, err := ws.Accept(&handshakeHijacker{c, http.Header{}}, replayedHandshake, &opts)
	if err != nil {
		return nil, err
	}
	lib.SetReadLimit(int64(c.cfg.ReadLimit))
	c.lib = lib
	return lib, nil
}

// libConn is the library's view of the connection: it reads frames from input, and each of
// its writes is one whole control frame. Its Close does nothing, because the Conn closes
// the connection after the last frame.
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
	} else { // an echo of the peer's invalid reason
		l.c.Close(proto.CloseInvalid, "")
	}
	return len(p), nil
}

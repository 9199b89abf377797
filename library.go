package chat

import (
	"bufio"
	"errors"
	"net"
	"net/http"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// The WebSocket library does the handshake, and reads what is not a plain text
// frame. It makes a Conn for the second, with a goroutine and buffers of its own,
// that take as much memory as all else of an idle connection; so it is let make
// one only when a connection needs it, which most never do: the handshake ends
// with the connection in our hands and not in the library's, and a later one, in
// which nothing goes over the wire, gives the library its Conn.

// errTaken ends the library's part in a handshake after the answer was sent.
var errTaken = errors.New("chat: connection taken")

// taker lets the library answer the handshake and takes the connection then.
type taker struct {
	http.ResponseWriter
	m     *member
	taken bool
}

// Hijack implements [http.Hijacker]. Bytes that net/http has read already belong
// to the first frames.
func (t *taker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	t.m.attach(conn, early)
	t.taken = true
	return nil, nil, errTaken
}

// WriteHeader and Write keep the library from reporting errTaken to the client.
func (t *taker) WriteHeader(status int) {
	if !t.taken {
		t.ResponseWriter.WriteHeader(status)
	}
}

func (t *taker) Write(b []byte) (int, error) {
	if t.taken {
		return len(b), nil
	}
	return t.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (t *taker) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// canHijack reports whether w, or what it wraps, is an [http.Hijacker].
func canHijack(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

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

// given gives the library the connection that was taken from it.
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

//go:build !js

package ws

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// ErrLost is the error of reading from a connection that has ended without a close frame.
var ErrLost = errors.New("websocket: the connection was lost")

// The library takes io.EOF for the end of a message, wherever it comes from; in a
// compressed message also io.ErrUnexpectedEOF. When a connection ends within a message,
// the library would return what came of it as the whole message. So the library sees
// neither: at the end of the connection it reads ErrLost.

func lost(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrLost
	}
	return err
}

// dialing makes the connections of a client end with ErrLost.
type dialing struct {
	next http.RoundTripper // nil is http.DefaultTransport, as in an http.Client
}

func (d dialing) RoundTrip(r *http.Request) (*http.Response, error) {
	next := d.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		if body, ok := resp.Body.(io.ReadWriteCloser); ok {
			resp.Body = dialed{body}
		}
	}
	return resp, err
}

type dialed struct{ io.ReadWriteCloser }

func (d dialed) Read(p []byte) (int, error) {
	n, err := d.ReadWriteCloser.Read(p)
	return n, lost(err)
}

// accepting makes the connection that the library takes over end with ErrLost.
type accepting struct {
	http.ResponseWriter
	http.Hijacker
}

func (a accepting) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := a.Hijacker.Hijack()
	if err == nil {
		conn = accepted{conn} // of rw, the library reads only what is buffered
	}
	return conn, rw, err
}

type accepted struct{ net.Conn }

func (a accepted) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	return n, lost(err)
}

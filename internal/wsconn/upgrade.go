package wsconn

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// The answer to an opening handshake is written to the connection itself, after the
// takeover. Nothing is sent through the http.ResponseWriter: so it does no harm if that
// delays its status, or cannot hand over the connection after all.

// CanHijack reports whether the innermost writer that w wraps is an [http.Hijacker]. The
// wrappers do not count: one may have the method and fail when it is called, and some
// cannot answer correctly after that.
func CanHijack(w http.ResponseWriter) bool {
	_, ok := Innermost(w).(http.Hijacker)
	return ok
}

// Innermost returns the writer that w wraps, through all wrappers with an Unwrap method; w
// itself if it wraps none.
func Innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		t, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok || t.Unwrap() == nil {
			return w
		}
		w = t.Unwrap()
	}
}

// Hijack takes over the request's connection, and the bytes that were read from it after
// the request: they belong to the first frames.
func Hijack(w http.ResponseWriter) (conn net.Conn, early []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // a wrapper asserts that the wrapped writer is a Hijacker
			err = fmt.Errorf("hijacking: %v", p)
		}
	}()
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if rw != nil && rw.Reader != nil {
		early, _ = rw.Reader.Peek(rw.Reader.Buffered())
	}
	// The timeouts of the http.Server, or of a middleware, were for the request.
	conn.SetDeadline(time.Time{})
	return conn, early, nil
}

// acceptGUID is what RFC 6455, section 4.2.2, appends to the key.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Answer returns the answer to r (RFC 6455, section 4.2.2), with the headers that the
// handlers around the server have set. An empty subprotocol or extension is none.
func Answer(r *http.Request, subprotocol, extension string, set http.Header) []byte {
	sum := sha1.Sum([]byte(strings.TrimSpace(r.Header.Get("Sec-WebSocket-Key")) + acceptGUID))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	b.WriteString(base64.StdEncoding.EncodeToString(sum[:]))
	if subprotocol != "" {
		b.WriteString("\r\nSec-WebSocket-Protocol: " + subprotocol)
	}
	if extension != "" {
		b.WriteString("\r\nSec-WebSocket-Extensions: " + extension)
	}
	b.WriteString("\r\n")
	writeHeader(&b, set, notInAnswer)
	return b.Bytes()
}

// writeHeader writes the headers that not does not leave out, and the empty line after them.
func writeHeader(b *bytes.Buffer, set http.Header, not func(key string) bool) {
	var out map[string]bool
	for key := range set {
		if not(http.CanonicalHeaderKey(key)) {
			if out == nil {
				out = map[string]bool{}
			}
			out[key] = true
		}
	}
	set.WriteSubset(b, out) // also leaves out invalid names, and makes invalid values harmless
	b.WriteString("\r\n")
}

// StreamAnswer returns the beginning of an answer over a connection that was taken over: the
// headers, of a body that ends with the connection (RFC 9112, section 6.3).
func StreamAnswer(set http.Header) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\n")
	if set.Get("Date") == "" { // which net/http adds to its own answers
		b.WriteString("Date: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	}
	writeHeader(&b, set, func(key string) bool {
		switch key {
		case "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "Content-Encoding", "Trailer":
			return true
		}
		return false
	})
	return b.Bytes()
}

// notInAnswer reports whether a header must not be copied to an answer with 101: it
// describes a body or the connection, or belongs to the handshake.
func notInAnswer(key string) bool {
	switch key {
	case "Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding",
		"Content-Length", "Content-Type", "Content-Encoding", "Content-Range", "Accept-Ranges", "Etag", "Last-Modified":
		return true
	}
	return strings.HasPrefix(key, "Sec-Websocket-")
}

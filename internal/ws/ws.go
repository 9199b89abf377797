//go:build !js

// Package ws is the only place that names the WebSocket library, so a move to its new home
// changes only this file.
package ws

import (
	"context"
	"net/http"

	// The library is maintained under another import path, and this path is marked
	// deprecated. The project uses this path on purpose; .ci/lint ignores the notice.
	"nhooyr.io/websocket"
)

// The library's names, as the rest of the module uses them.
type (
	Conn          = websocket.Conn
	AcceptOptions = websocket.AcceptOptions
	DialOptions   = websocket.DialOptions
	MessageType   = websocket.MessageType
	StatusCode    = websocket.StatusCode
	CloseError    = websocket.CloseError
)

// Message types of RFC 6455, section 5.6.
const (
	MessageText   = websocket.MessageText
	MessageBinary = websocket.MessageBinary
)

// Compression modes of RFC 7692 as the library names them.
const (
	CompressionDisabled          = websocket.CompressionDisabled
	CompressionNoContextTakeover = websocket.CompressionNoContextTakeover
)

// Accept answers a client's opening handshake (RFC 6455, section 4.2.2). Reads return
// [ErrLost] if the connection ends without a close frame.
func Accept(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) (*Conn, error) {
	if h, ok := w.(http.Hijacker); ok {
		w = accepting{w, h}
	}
	return websocket.Accept(w, r, opts)
}

// Dial opens a connection to url (RFC 6455, section 4.1). The caller closes it. Reads
// return [ErrLost] if the connection ends without a close frame.
func Dial(ctx context.Context, url string, opts *DialOptions) (*Conn, *http.Response, error) {
	var o DialOptions
	if opts != nil {
		o = *opts
	}
	if o.HTTPClient == nil {
		o.HTTPClient = http.DefaultClient
	}
	h := *o.HTTPClient
	h.Transport = dialing{h.Transport}
	o.HTTPClient = &h
	return websocket.Dial(ctx, url, &o)
}

// CloseStatus returns the close code carried by err, or -1 if it has none.
func CloseStatus(err error) StatusCode { return websocket.CloseStatus(err) }

// Package ws uses the browser's WebSocket under GOOS=js, in place of the library's. The
// library's reports neither close codes nor lost connections there, and cannot close a
// connection before it is open. A page cannot accept connections.
package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall/js"
)

// The names of ws.go.
type (
	MessageType int
	StatusCode  int

	// AcceptOptions have no effect here.
	AcceptOptions struct {
		Subprotocols       []string
		InsecureSkipVerify bool
		OriginPatterns     []string
		CompressionMode    int
	}

	// DialOptions are the options of a handshake. Of the headers, only a Bearer credential is
	// sent, as a subprotocol, because a page cannot set headers.
	DialOptions struct {
		HTTPClient      *http.Client
		HTTPHeader      http.Header
		Subprotocols    []string
		CompressionMode int
	}

	// CloseError is the peer's close frame (RFC 6455, section 7.4).
	CloseError struct {
		Code   StatusCode
		Reason string
	}
)

// Error implements error.
func (e CloseError) Error() string {
	return fmt.Sprintf("received close frame: status = %d and reason = %q", e.Code, e.Reason)
}

// The constants of ws.go.
const (
	MessageText   MessageType = 1
	MessageBinary MessageType = 2

	CompressionDisabled          = 0
	CompressionNoContextTakeover = 2
)

// CloseStatus returns the close code carried by err, or -1 if it has none.
func CloseStatus(err error) StatusCode {
	var e CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return -1
}

// Accept fails: a page cannot be a server.
func Accept(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) (*Conn, error) {
	http.Error(w, http.StatusText(http.StatusNotImplemented), http.StatusNotImplemented)
	return nil, errors.ErrUnsupported
}

// Dial opens a connection to url. If the handshake has failed, the response is the answer to an
// ordinary request, because a browser does not give the reason.
func Dial(ctx context.Context, url string, opts *DialOptions) (*Conn, *http.Response, error) {
	protocols := append([]string(nil), opts.Subprotocols...)
	if token, ok := strings.CutPrefix(opts.HTTPHeader.Get("Authorization"), "Bearer "); ok {
		protocols = append(protocols, "bearer."+token)
	}
	c, err := open("ws"+strings.TrimPrefix(url, "http"), protocols)
	if err != nil {
		return nil, nil, err
	}
	select {
	case <-c.opened:
		return c, nil, nil
	case <-c.closed:
		return nil, why(ctx, url, opts), c.err
	case <-ctx.Done():
		c.CloseNow()
		return nil, nil, ctx.Err()
	}
}

// why requests url again without a handshake. It returns nil if there is no answer, or if the
// answer only asks for a handshake.
func why(ctx context.Context, url string, opts *DialOptions) *http.Response {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil
	}
	if v := opts.HTTPHeader.Get("Authorization"); v != "" {
		r.Header.Set("Authorization", v)
	}
	r.Header.Set("js.fetch:redirect", "manual")
	resp, err := opts.HTTPClient.Do(r)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
	resp.Body = io.NopCloser(strings.NewReader(string(b)))
	if resp.StatusCode < 300 || resp.StatusCode == http.StatusUpgradeRequired {
		return nil
	}
	return resp
}

// open begins a handshake. The constructor throws for invalid arguments.
func open(url string, protocols []string) (c *Conn, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(js.Error)
			if !ok {
				panic(p)
			}
			c, err = nil, fmt.Errorf("websocket: %s", e.Get("name").String()) // the exception's message may contain a secret
		}
	}()
	class := js.Global().Get("WebSocket")
	if class.IsUndefined() {
		return nil, errors.New("websocket: this environment has no WebSocket")
	}
	list := make([]any, len(protocols))
	for i, p := range protocols {
		list[i] = p
	}
	c = &Conn{
		socket: class.New(url, list),
		opened: make(chan struct{}), closed: make(chan struct{}), more: make(chan struct{}, 1),
	}
	c.listen()
	return c, nil
}

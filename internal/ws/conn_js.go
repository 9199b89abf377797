package ws

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall/js"
)

// maxUnread is how many bytes may wait for a reader: a page cannot keep its peer
// from sending.
const maxUnread = 32 << 20

var errUnread = errors.New("websocket: too much was not read")

// ErrLost is that of whole.go.
var ErrLost = errors.New("websocket: the connection was lost")

// Conn is a WebSocket of the browser.
type Conn struct {
	socket js.Value
	opened chan struct{}
	closed chan struct{} // err is set then
	more   chan struct{} // has a token while something was put into queue

	mu    sync.Mutex
	queue []string
	bytes int
	err   error
	odd   bool // something that is no text has come
}

// listen has the browser's events handled, until the one that comes last.
func (c *Conn) listen() {
	var onOpen, onMessage, onClose js.Func
	onOpen = js.FuncOf(func(js.Value, []js.Value) any {
		close(c.opened)
		return nil
	})
	onMessage = js.FuncOf(func(_ js.Value, args []js.Value) any {
		c.take(args[0].Get("data"))
		return nil
	})
	onClose = js.FuncOf(func(_ js.Value, args []js.Value) any {
		c.ended(StatusCode(args[0].Get("code").Int()), args[0].Get("reason").String())
		onOpen.Release()
		onMessage.Release()
		onClose.Release()
		return nil
	})
	c.socket.Call("addEventListener", "open", onOpen)
	c.socket.Call("addEventListener", "message", onMessage)
	c.socket.Call("addEventListener", "close", onClose)
}

func (c *Conn) take(data js.Value) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return
	case data.Type() != js.TypeString:
		c.odd = true
	case c.bytes > maxUnread: // and what comes now is missing
		c.err = errUnread
		c.CloseNow()
	default:
		s := data.String()
		c.queue, c.bytes = append(c.queue, s), c.bytes+len(s)
	}
	c.signal()
}

func (c *Conn) ended(code StatusCode, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
	case code == 1006: // no close frame has come
		c.err = ErrLost
	default:
		c.err = CloseError{code, reason}
	}
	close(c.closed)
}

func (c *Conn) signal() {
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// Reader returns the next message.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	for {
		c.mu.Lock()
		switch {
		case len(c.queue) > 0:
			s := c.queue[0]
			c.queue[0] = ""
			c.queue, c.bytes = c.queue[1:], c.bytes-len(s)
			c.mu.Unlock()
			return MessageText, strings.NewReader(s), nil
		case c.odd:
			c.odd = false
			c.mu.Unlock()
			return MessageBinary, strings.NewReader(""), nil
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-c.closed:
			if c.unread() {
				continue
			}
			return 0, nil, c.err
		case <-ctx.Done():
			c.CloseNow()
			return 0, nil, ctx.Err()
		}
	}
}

func (c *Conn) unread() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) > 0 || c.odd
}

// Read returns the next message whole.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	typ, r, err := c.Reader(ctx)
	if err != nil {
		return typ, nil, err
	}
	b, err := io.ReadAll(r)
	return typ, b, err
}

// Write sends a text message. It does not wait.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	if typ != MessageText {
		return errors.ErrUnsupported
	}
	c.socket.Call("send", string(p)) // which does nothing while the socket closes
	return nil
}

// Close begins the closing handshake, and does not wait for its end.
func (c *Conn) Close(code StatusCode, reason string) error {
	if code != 1000 && (code < 3000 || code > 4999) {
		code = 3000 // a page may send no others
	}
	c.socket.Call("close", int(code), reason)
	return nil
}

// CloseNow closes a connection that is of no use. A page cannot do so without a
// close frame.
func (c *Conn) CloseNow() error { return c.Close(3000, "") }

// Subprotocol returns what the server has chosen; "" if nothing.
func (c *Conn) Subprotocol() string { return c.socket.Get("protocol").String() }

// SetReadLimit does nothing: a browser has read a message before it tells of it.
func (c *Conn) SetReadLimit(int64) {}

package client_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// TestCutMessages has connections end after the first byte that the server sends, after the
// second, and so on. A part of an object is no object: the client comes back each time, and
// shows whole messages once.
func TestCutMessages(t *testing.T) {
	inBubble(t, nil, func(f *fake) {
		half := message(2, "two")
		stream := wsconn.AppendText(nil, []byte(welcomeTo("e:2", resumed)))
		stream = wsconn.AppendText(stream, []byte(message(1, "one")))
		stream = append(wsconn.AppendHeader(stream, wsconn.OpText, 10), half[:10]...)
		stream = append(wsconn.AppendHeader(stream, wsconn.FinBit, len(half)-10), half[10:]...)
		f.serve = func(w http.ResponseWriter, r *http.Request, n int) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("hijack: %v", err)
				return
			}
			defer conn.Close()
			conn.Write(wsconn.Answer(r, "chat.v1", "", nil))
			conn.Write(stream[:min(n, len(stream))])
			if n >= len(stream) {
				io.Copy(io.Discard, conn) // until the client goes
			}
		}
		var losses atomic.Int64
		u := f.join(client.WithDialRetry(), client.WithBackoff(time.Millisecond, time.Millisecond), client.OnDisconnect(func(err error, _ time.Duration) {
			losses.Add(1)
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				t.Errorf("a part was taken for an object: %v", err)
			}
		}))
		for _, want := range []string{"one", "two"} {
			if e := u.next(); e.Type != chat.TypeMessage || e.Text != want {
				t.Errorf("got %+v, want %q", e, want)
			}
		}
		if n := losses.Load(); n != int64(len(stream)) {
			t.Errorf("%d connections were lost, of %d", n, len(stream))
		}
		u.Close()
	})
}

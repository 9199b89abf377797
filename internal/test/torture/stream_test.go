package torture

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// stream is an event stream, and the posts of the same client.
type stream struct {
	c    *tortured
	base string
	q    url.Values
	conn net.Conn
	body *bufio.Reader
	got  chan []byte
	said chan []byte // answers to posts
	end  context.CancelFunc
	ctx  context.Context

	known   chan struct{} // closed when the session is known
	once    sync.Once
	session string
	wrong   atomic.Pointer[string] // what is wrong with the stream
	posts   sync.WaitGroup
}

// listen opens an event stream over a connection of its own, which can be cut.
func listen(ctx context.Context, c *tortured, q url.Values, since string) (*stream, error) {
	base := c.base
	s := &stream{c: c, base: base, q: q, got: make(chan []byte), said: make(chan []byte, 1000), known: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(ctx)
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		s.conn = conn
		return conn, err
	}}
	r, err := http.NewRequestWithContext(s.ctx, http.MethodGet, base+"/rooms/torture/events?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if since != "" {
		r.Header.Set("Last-Event-ID", since)
	}
	resp, err := transport.RoundTrip(r)
	if err == nil && resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		err = fmt.Errorf("%s %s", resp.Status, b)
	}
	if err != nil {
		s.end()
		return nil, err
	}
	s.body = bufio.NewReader(resp.Body)
	s.posts.Go(s.run) // ends with the stream
	return s, nil
}

// run reads the stream. It checks that the id of a record is that of its object.
func (s *stream) run() {
	defer s.end()
	data, id := "", ""
	for {
		line, err := s.body.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		if v, ok := strings.CutPrefix(line, "data: "); ok {
			data = v
		} else if v, ok := strings.CutPrefix(line, "id: "); ok {
			id = v
		} else if line == "" && data != "" {
			var o harness.Object
			json.Unmarshal([]byte(data), &o)
			if _, offset, _ := strings.Cut(id, ":"); o.Offset != 0 && offset != fmt.Sprint(o.Offset) {
				text := fmt.Sprintf("the record %s has the id %s", data, id)
				s.wrong.Store(&text)
				return
			}
			switch {
			case o.Type == "welcome":
				s.session = o.Session
				s.once.Do(func() { close(s.known) })
			case s.session == "": // it was ended in its handshake
				return
			}
			select {
			case s.got <- []byte(data):
			case <-s.ctx.Done():
				return
			}
			data, id = "", ""
		}
	}
}

func (s *stream) read(ctx context.Context) ([]byte, error) {
	select {
	case b := <-s.got:
		return b, nil
	case b := <-s.said:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ctx.Done():
		if text := s.wrong.Swap(nil); text != nil {
			s.c.bad = append(s.c.bad, *text)
		}
		return nil, errEnded
	}
}

var errEnded = errors.New("the stream has ended")

// write posts an object, and has the answer read as if it came over the stream.
func (s *stream) write(ctx context.Context, object string) error {
	select {
	case <-s.known:
	case <-s.ctx.Done():
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	q := url.Values{"username": s.q["username"], "session": {s.session}}
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.base+"/rooms/torture/events?"+q.Encode(), strings.NewReader(object))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var sent struct{ ID string }
		var refused struct {
			Error struct{ Code, Message string }
		}
		json.Unmarshal([]byte(object), &sent)
		if err := json.Unmarshal(b, &refused); err != nil {
			return fmt.Errorf("%s %s: %w", resp.Status, b, err)
		}
		b, _ = json.Marshal(map[string]string{"type": "error", "id": sent.ID, "code": refused.Error.Code, "message": refused.Error.Message})
	}
	s.said <- b
	return nil
}

func (s *stream) back(context.Context, string) (bool, error) { return false, nil }

func (s *stream) close() error {
	s.cut()
	return nil
}

func (s *stream) cut() {
	s.end()
	s.conn.Close()
	s.posts.Wait()
}

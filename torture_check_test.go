package chat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// check compares what every client saw with the log.
func check(truth []chat.Event, clients []*tortured) (found []string) {
	bad := func(format string, args ...any) {
		if len(found) < 20 {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	at := map[uint64]*chat.Event{}
	ids := map[string]uint64{}
	for i := range truth {
		e := &truth[i]
		if e.Offset != uint64(i+1) {
			bad("log: offset %d stands at %d", e.Offset, i+1)
		}
		at[e.Offset] = e
		if o, twice := ids[e.UserID+" "+e.ID]; twice && e.ID != "" {
			bad("log: %s of %s at %d and %d", e.ID, e.UserID, o, e.Offset)
		}
		ids[e.UserID+" "+e.ID] = e.Offset
	}
	for _, c := range clients {
		for id, offset := range c.acks {
			if e := at[offset]; e == nil || e.ID != id || e.UserID != c.user {
				bad("%s: %s was acknowledged at %d, where the log has %+v", c.name, id, offset, e)
			}
		}
		for _, seen := range c.segments {
			for i := range seen {
				o := &seen[i]
				e := at[o.Offset]
				switch {
				case e == nil || e.ID != o.ID || e.UserID != o.User || e.Text != o.Message || e.Type != o.Type:
					bad("%s: saw %+v, where the log has %+v", c.name, o, e)
				case o.Type == "private" && c.user != o.User && c.user != o.To:
					bad("%s: saw a private message of others: %+v", c.name, o)
				}
				if i == 0 {
					continue
				}
				before := seen[i-1].Offset
				if o.Offset <= before {
					bad("%s: saw %d after %d", c.name, o.Offset, before)
				}
				for missed := before + 1; missed < o.Offset; missed++ {
					if e := at[missed]; e != nil && e.VisibleTo(c.user) {
						bad("%s: missed %d, between %d and %d", c.name, missed, before, o.Offset)
					}
				}
			}
		}
	}
	return found
}

// checkHTTP reads the whole history as nobody in particular.
func checkHTTP(base string) (found []string) {
	before := uint64(1) << 40
	for {
		resp, err := http.Get(fmt.Sprint(base, "/rooms/torture/messages?limit=100&before=", before))
		if err != nil {
			return []string{err.Error()}
		}
		var page struct {
			Messages []harness.Object
			More     bool
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil || len(page.Messages) == 0 {
			return found
		}
		for i := range page.Messages {
			if o := &page.Messages[i]; o.Type == "private" && len(found) < 5 {
				found = append(found, fmt.Sprintf("HTTP history shows %+v", o))
			}
		}
		before = page.Messages[0].Offset
	}
}

// planted is a server with, perhaps, a bug planted around it.
type planted struct {
	http.Handler
	patience time.Duration // how long a client may take to catch up
}

func sound(srv *chat.Server) *planted { return &planted{srv, harness.Patience} }

func TestTorture(t *testing.T) {
	for _, s := range torture(t, 50, *tortureTime, *tortureSeed, sound) {
		t.Error(s)
	}
}

// TestTortureFindsBugs plants bugs, each of which the checker must find.
func TestTortureFindsBugs(t *testing.T) {
	brittle := &brittleLog{Log: chat.NewMemoryLog(5000)}
	forgetful := &forgetfulLog{Log: chat.NewMemoryLog(5000)}
	for i, tc := range []struct {
		name  string
		plant func(*chat.Server) *planted
		opts  []chat.Option
	}{
		{"fan-out drops one in a thousand", dropFrames, nil},
		{"off by one where resuming begins", func(srv *chat.Server) *planted {
			return &planted{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if p, err := chat.ParsePosition(q.Get("since")); err == nil && p.Offset > 0 {
					p.Offset++
					q.Set("since", p.String())
					r.URL.RawQuery = q.Encode()
				}
				srv.ServeHTTP(w, r)
			}), time.Second}
		}, nil},
		{"acknowledged before it is in the log", sound, []chat.Option{chat.WithLog(brittle)}},
		{"repeats forgotten", sound, []chat.Option{chat.WithLog(forgetful)}},
		{"private messages in the HTTP history", func(srv *chat.Server) *planted {
			return &planted{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/messages") {
					srv.ServeHTTP(w, r)
					return
				}
				for e, err := range srv.Follow(r.Context(), "torture", chat.Position{Epoch: "none", Offset: 1}) {
					if err == nil && e.Type == chat.TypePrivate {
						json.NewEncoder(w).Encode(map[string]any{"messages": []chat.Event{e}})
						return
					}
					if q, _ := url.ParseQuery(r.URL.RawQuery); q.Get("before") != fmt.Sprint(uint64(1)<<40) {
						return
					}
				}
			}), harness.Patience}
		}, nil},
	} {
		if testing.Short() && i == 2 {
			break // each takes a while
		}
		t.Run(tc.name, func(t *testing.T) {
			found := torture(t, 30, time.Second, *tortureSeed, tc.plant, tc.opts...)
			if len(found) == 0 {
				t.Error("not found")
			} else {
				t.Log("found:", found[0])
			}
		})
	}
}

// brittleLog says of one message in fifty that it is kept although it is not.
type brittleLog struct {
	chat.Log
	n atomic.Int64
}

func (l *brittleLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Event, string, bool, error) {
	if l.n.Add(1)%50 == 0 {
		p, err := l.Log.Read(ctx, room, chatlog.Range{})
		e.Offset = p.Position.Offset
		return e, p.Position.Epoch, true, err
	}
	return l.Log.Append(ctx, room, e)
}

// forgetfulLog does not know a message again when the connection is another: it
// keeps each under an id of its own, and gives it back under the client's.
type forgetfulLog struct {
	chat.Log
	n    atomic.Int64
	sink *forgetfulSink
}

type forgetfulSink struct{ chatlog.Sink }

func forget(e chatlog.Event) chatlog.Event {
	e.ID, _, _ = strings.Cut(e.ID, "#")
	return e
}

func (s *forgetfulSink) Push(room, epoch string, e chatlog.Event) {
	s.Sink.Push(room, epoch, forget(e))
}

func (l *forgetfulLog) Open(ctx context.Context, s chatlog.Sink) error {
	l.sink = &forgetfulSink{s}
	return l.Log.Open(ctx, l.sink)
}

func (l *forgetfulLog) Watch(ctx context.Context, _ chatlog.Sink, room string) error {
	return l.Log.Watch(ctx, l.sink, room)
}

func (l *forgetfulLog) Unwatch(_ chatlog.Sink, room string) { l.Log.Unwatch(l.sink, room) }

func (l *forgetfulLog) Close(chatlog.Sink) error { return l.Log.Close(l.sink) }

func (l *forgetfulLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Event, string, bool, error) {
	e.ID += "#" + fmt.Sprint(l.n.Add(1))
	stored, epoch, dup, err := l.Log.Append(ctx, room, e)
	return forget(stored), epoch, dup, err
}

func (l *forgetfulLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	p, err := l.Log.Read(ctx, room, r)
	for i := range p.Events {
		p.Events[i] = forget(p.Events[i])
	}
	return p, err
}

// dropFrames loses one frame in a thousand on its way to the members.
func dropFrames(srv *chat.Server) *planted {
	return &planted{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv.ServeHTTP(&lossyWriter{w}, r)
	}), time.Second}
}

type lossyWriter struct{ http.ResponseWriter }

func (w *lossyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	return &lossyConn{Conn: conn}, rw, err
}

type lossyConn struct {
	net.Conn
	answered bool // the handshake was
	partial  []byte
}

// Write takes whole frames apart and drops some of those with messages.
func (c *lossyConn) Write(p []byte) (int, error) {
	if !c.answered {
		c.answered = true
		return c.Conn.Write(p)
	}
	c.partial = append(c.partial, p...)
	var out []byte
	for {
		b := c.partial
		if len(b) < 4 {
			break
		}
		n := int(b[1]) + 2
		if b[1] == 126 {
			n = int(b[2])<<8 + int(b[3]) + 4
		} else if b[1] == 127 {
			return 0, io.ErrShortWrite
		}
		if len(b) < n {
			break
		}
		if !bytes.Contains(b[:n], []byte(`{"type":"message"`)) || rand.IntN(1000) > 0 {
			out = append(out, b[:n]...)
		}
		c.partial = append([]byte(nil), b[n:]...)
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

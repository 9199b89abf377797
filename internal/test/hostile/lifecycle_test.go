package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// life is a few users whose connections come, go and come back, and what each of
// them has seen.
type life struct {
	*harness.Bubble
	t     *testing.T
	store chat.Log
	users [4]*liver
	log   []chatlog.Event
	texts int
}

// liver is a user of a life, and its one connection.
type liver struct {
	name    string
	v1      bool
	user    string // known from the welcome
	session string
	epoch   string
	last    uint64 // greatest offset seen
	lastID  string // of the last message sent, and its offset
	acked   map[string]uint64

	conn   *harness.Peer
	done   chan struct{}    // closed when nothing more can come
	got    []harness.Object // since the last look; the reader's until done or Wait
	resume bool             // came back with a position
}

// read takes what comes until the connection ends.
func (v *liver) read(p *harness.Peer, done chan struct{}) {
	defer close(done)
	for {
		_, b, err := p.Conn.Read(context.Background())
		if err != nil {
			return
		}
		var o harness.Object
		if err := json.Unmarshal(b, &o); err != nil {
			p.T.Errorf("%s: %v", b, err)
		}
		v.got = append(v.got, o)
	}
}

// dial connects, with what a client keeps if it comes back.
func (l *life) dial(v *liver, back bool) {
	if v.conn != nil {
		return
	}
	query := "username=" + v.name
	v.resume = back && v.v1 && v.epoch != ""
	if v.v1 && v.session != "" {
		query += "&session=" + v.session
	}
	if v.resume {
		query += fmt.Sprintf("&since=%s:%d", v.epoch, v.last)
	}
	if !v.resume {
		v.last = 0
	}
	v.conn, v.done = l.Bubble.Dial("r", v.v1, query), make(chan struct{})
	go v.read(v.conn, v.done)
}

// look checks what a user has got since the last look.
func (l *life) look(v *liver) {
	for i, o := range v.got {
		switch o.Type {
		case "welcome":
			if i != 0 || o.Gap || o.Resumed != v.resume || v.user != "" && o.User != v.user {
				l.t.Errorf("%s: welcome %+v", v.name, o)
			}
			epoch, _, _ := strings.Cut(o.Position, ":")
			v.user, v.session, v.epoch = o.User, o.Session, epoch
		case "message", "private":
			if v.last != 0 {
				for _, e := range l.log[min(v.last, uint64(len(l.log))):] {
					if e.Offset < o.Offset && e.VisibleTo(v.user) && (v.user != "" || e.Type == "message") {
						l.t.Errorf("%s: offset %d after %d, without %d", v.name, o.Offset, v.last, e.Offset)
					}
				}
			}
			if o.Offset <= v.last || o.Offset > uint64(len(l.log)) {
				l.t.Errorf("%s: offset %d after %d of %d", v.name, o.Offset, v.last, len(l.log))
				return
			}
			e := l.log[o.Offset-1]
			if e.Text != o.Message || e.UserID != o.User || string(e.Type) != o.Type || v.user != "" && !e.VisibleTo(v.user) {
				l.t.Errorf("%s: got %+v for %+v", v.name, o, e)
			}
			v.last = o.Offset
		case "position":
			at, err := chat.ParsePosition(o.Position)
			if err != nil || at.Epoch != v.epoch || at.Offset > uint64(len(l.log)) {
				l.t.Errorf("%s: %+v after %d, %v", v.name, o, v.last, err)
				return
			}
			for _, e := range l.log[min(v.last, at.Offset):at.Offset] {
				if v.last != 0 && e.VisibleTo(v.user) {
					l.t.Errorf("%s: %s after %d, without %d", v.name, o.Position, v.last, e.Offset)
				}
			}
			v.last = max(v.last, at.Offset) // what is live may have come before
		case "ack":
			if first := v.acked[o.ID]; first != 0 && first != o.Offset {
				l.t.Errorf("%s: %s acknowledged at %d, then at %d", v.name, o.ID, first, o.Offset)
			}
			v.acked[o.ID] = o.Offset
		case "error":
			if o.Code != "no_such_user" {
				l.t.Errorf("%s: %+v", v.name, o)
			}
		case "system":
			if o.User == v.user && v.user != "" {
				l.t.Errorf("%s is told of itself: %+v", v.name, o)
			}
		case "typing":
			if o.User == v.user {
				l.t.Errorf("%s sees itself type", v.name)
			}
		default:
			l.t.Errorf("%s: %+v", v.name, o)
		}
	}
	v.got = nil
}

// settle waits until nothing more happens, and looks at everything.
func (l *life) settle() {
	synctest.Wait()
	page, err := l.store.Read(context.Background(), "r", chatlog.Range{From: 1, Limit: 1000})
	if err != nil {
		l.t.Fatal(err)
	}
	l.log = page.Events
	online := map[string]bool{}
	for _, v := range l.users {
		l.look(v)
		if v.conn != nil {
			select {
			case <-v.done:
				v.conn = nil
			default:
				online[v.name] = true
			}
		}
	}
	members, n, err := l.Members(context.Background(), "r", 10)
	if err != nil || n != len(members) {
		l.t.Fatalf("%v, %d, %v", members, n, err)
	}
	for _, m := range members {
		delete(online, m.Username)
	}
	if len(online) > 0 {
		l.t.Errorf("%v are not members", slices.Collect(maps.Keys(online)))
	}
}

// step does one thing. The low two bits say who, the rest what.
func (l *life) step(op byte) {
	v := l.users[op&3]
	object := func(typ, rest string) string { return `{"type":"` + typ + `"` + rest + `}` }
	switch what := op >> 2 % 12; {
	case what == 0:
		l.dial(v, false)
	case what == 1:
		l.dial(v, true)
	case what == 2:
		time.Sleep(time.Second)
	case what == 3:
		time.Sleep(6 * time.Second)
	case what == 4:
		l.texts++
		if _, err := l.Publish(context.Background(), "r", chat.Message{Text: fmt.Sprint("text ", l.texts)}); err != nil {
			l.t.Error(err)
		}
	case what == 5 && v.user != "":
		if err := l.Disconnect(context.Background(), v.user, chat.Disconnect{Room: "r", Code: chat.CloseRemoved, Reason: "out"}); err != nil {
			l.t.Error(err)
		}
	case v.conn == nil:
	case what == 6:
		go v.conn.Conn.Close(1000, "")
	case what == 7:
		v.conn.Conn.CloseNow()
	case what == 8 && v.v1:
		l.texts++
		v.lastID = fmt.Sprint("id", l.texts)
		v.conn.Send(object("message", fmt.Sprintf(`,"message":"text %d","id":"%s"`, l.texts, v.lastID)))
	case what == 8:
		l.texts++
		v.conn.Send(fmt.Sprint("text ", l.texts))
	case !v.v1:
	case what == 9 && v.lastID != "":
		v.conn.Send(object("message", `,"message":"again","id":"`+v.lastID+`"`))
	case what == 10:
		if to := l.users[(op>>6+1)&3].user; to != "" {
			v.conn.Send(object("private", `,"message":"psst","to":"`+to+`"`))
		}
	case what == 11:
		v.conn.Send(object("typing", ""))
	}
	l.settle()
}

// FuzzLifecycle has each byte be something that a user does.
func FuzzLifecycle(f *testing.F) {
	f.Add([]byte{0, 1, 32, 33, 28, 16, 4, 33, 24, 25, 12})
	f.Add([]byte{0, 1, 2, 3, 40, 41, 104, 170, 29, 16, 16, 5, 44, 45, 36, 36, 21, 20, 8, 12})
	f.Fuzz(live)
}

// TestLifecycles lives some lives at random.
func TestLifecycles(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			ops := make([]byte, 60)
			rand.NewChaCha8([32]byte{byte(seed)}).Read(ops)
			live(t, ops)
		})
	}
}

// live does what the bytes say, in fake time, and ends with everybody gone.
func live(t *testing.T, ops []byte) {
	if len(ops) > 60 {
		ops = ops[:60]
	}
	store := chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000})
	harness.InBubble(t, func(b *harness.Bubble) {
		l := &life{Bubble: b, t: t, store: store}
		for i, name := range []string{"Ann", "Bob", "Cy", "Plain"} {
			l.users[i] = &liver{name: name, v1: i < 3, acked: map[string]uint64{}}
		}
		for _, op := range ops {
			if l.step(op); t.Failed() {
				break
			}
		}
		for _, v := range l.users {
			if v.conn != nil {
				v.conn.Conn.CloseNow()
			}
		}
		time.Sleep(time.Minute)
		l.settle()
		rooms, err := l.Rooms(context.Background())
		if s := l.Stats(); len(rooms) != 0 || err != nil || s.Connections != 0 || s.Rooms != 0 || s.Members != 0 {
			t.Errorf("left over: %v, %v, %+v", rooms, err, s)
		}
	}, harness.Quiet, chat.WithHistory(100), chat.WithLog(store))
}

package redislog_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// A serverBefore acts as a server of the previous version. That version kept entries in a
// stream. Its scripts are in testdata/before.
type serverBefore struct {
	t       testing.TB
	client  *redis.Client
	keys    []string // age, head, log, ids, older ids, index, users
	channel string
	history int
	words   int
	seen    string
}

func newServerBefore(t testing.TB, i *instance, l *redislog.Log, room string, history int) *serverBefore {
	s := &serverBefore{t: t, client: i.client(t), history: history}
	s.keys, s.channel = l.KeysBefore(room)
	return s
}

func (s *serverBefore) word() string {
	s.words++
	return fmt.Sprintf("before-%p-%d", s, s.words)
}

// run runs a script with the keys at the given indexes.
func (s *serverBefore) run(uses []string, keys []int, args ...any) []any {
	s.t.Helper()
	var source strings.Builder
	for _, name := range append([]string{"common"}, uses...) {
		text, err := os.ReadFile("testdata/before/" + name + ".lua")
		if err != nil {
			s.t.Fatal(err)
		}
		source.Write(text)
	}
	var names []string
	for _, k := range keys {
		names = append(names, s.keys[k])
	}
	v, err := redis.NewScript(source.String()).Run(within(s.t), s.client, names, args...).Result()
	if err != nil {
		s.t.Fatalf("%v before: %v", uses, err)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	return list
}

const week = "604800000"

// append returns whether the id was known, and the entry's epoch and offset.
func (s *serverBefore) append(e chatlog.Event) (repeated bool, epoch string, offset uint64) {
	s.t.Helper()
	text, err := json.Marshal(before{string(e.Type), e.UserID, e.Username, e.To, e.ToUsername, e.Text, e.ID})
	if err != nil {
		s.t.Fatal(err)
	}
	id := ""
	if e.ID != "" {
		id = redislog.HashID(&e)
	}
	args := []any{s.word(), id, text, s.channel, s.history, 4 << 20, week, "300000", 1 << 18, s.seen, "0", "60000"}
	if e.Type == chatlog.TypePrivate {
		args = append(args, hashBefore(e.UserID), hashBefore(e.To))
	}
	r := s.run([]string{"private", "append"}, []int{0, 1, 2, 3, 4, 5, 6}, args...)
	offset, _ = strconv.ParseUint(r[2].(string), 10, 64)
	s.seen = fmt.Sprintf("%s %d %s", r[1], offset, r[3])
	return r[0].(int64) == 1, r[1].(string), offset
}

// before is the JSON of an event in the previous version.
type before struct {
	Type       string `json:"type"`
	User       string `json:"user,omitempty"`
	Username   string `json:"username,omitempty"`
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	Message    string `json:"message,omitempty"`
	ID         string `json:"id,omitempty"`
}

func hashBefore(user string) string {
	if user == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(user))
	return string(sum[:16])
}

// read returns the last and the first offset, and the offsets and texts that reader may see. It
// returns everything if reader is nil.
func (s *serverBefore) read(from uint64, limit int, reader *string) (last, first uint64, texts map[uint64]string) {
	s.t.Helper()
	args := []any{s.word(), from, 0, limit, "60000", s.seen, "0"}
	if reader != nil {
		args = append(args, *reader, hashBefore(*reader), 1000)
	}
	r := s.run([]string{"private", "read"}, []int{0, 1, 2, 5, 6}, args...)
	last, _ = strconv.ParseUint(r[1].(string), 10, 64)
	first, _ = strconv.ParseUint(r[2].(string), 10, 64)
	texts = map[uint64]string{}
	for _, item := range r[3].([]any) {
		var offset uint64
		fmt.Sscanf(item.([]any)[0].(string), "%d-0", &offset)
		var e before
		if err := json.Unmarshal([]byte(item.([]any)[1].([]any)[3].(string)), &e); err != nil {
			s.t.Fatal(err)
		}
		texts[offset] = e.Message
	}
	return last, first, texts
}

func (s *serverBefore) watch() {
	s.run([]string{"watch"}, []int{0, 1, 2, 6, 5}, s.word(), week, "0", "60000", s.seen)
}

// A room that servers of the previous version have filled is the same for servers of this one:
// epoch, offsets, texts, ids, and what each user may see.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 199, 200, 201, 900} {
		l := newLog(t)
		old := newServerBefore(t, shared, l, "room", 500)
		var epoch string
		for i := 1; i <= n; i++ {
			e := text("ann", fmt.Sprint("id", i), fmt.Sprintf("\"%d\" \\ ☃\n", i))
			if i%3 == 0 {
				e = private("ann", "bob")
				e.ID = fmt.Sprint("id", i)
			}
			if repeated, ep, o := old.append(e); repeated || o != uint64(i) || epoch != "" && ep != epoch {
				t.Fatal(repeated, ep, o)
			} else {
				epoch = ep
			}
		}
		_, first, _ := old.read(1, 1, nil)
		a, err := l.Append(within(t), "room", text("ann", fmt.Sprint("id", n), "again"))
		if err != nil || !a.Repeated || a.Epoch != epoch || a.Event.Offset != uint64(n) || a.Event.Text == "again" {
			t.Errorf("%d: repeated: %+v, %v", n, a, err)
		}
		p := read(t, l, "room", chatlog.Range{From: 1, Limit: 2000})
		if p.Position != (chatlog.Position{Epoch: epoch, Offset: uint64(n)}) || p.First != first || len(p.Events) != n-int(first)+1 {
			t.Fatalf("%d: %d events from %d at %v, want from %d", n, len(p.Events), p.First, p.Position, first)
		}
		for i, e := range p.Events {
			want := fmt.Sprintf("\"%d\" \\ ☃\n", e.Offset)
			if e.Offset%3 == 0 {
				want = "psst"
			}
			if e.Offset != first+uint64(i) || e.Text != want || e.ID != fmt.Sprint("id", e.Offset) {
				t.Fatalf("%+v", e)
			}
		}
		rng := seed(t)
		for range 30 {
			checkVisible(t, l, "room", []string{"ann", "bob", "eve", ""}[rng.IntN(4)], rng)
		}
		for _, key := range []string{old.keys[2], old.keys[5]} {
			if shared.exec(t, "EXISTS", key).(int64) != 0 {
				t.Errorf("%s is still there", key)
			}
		}
		for _, key := range l.RoomKeys("room") {
			if ms := shared.exec(t, "PTTL", key).(int64); ms == -1 {
				t.Errorf("%s never expires", key)
			}
		}
		if e, ep := put(t, l, "room", text("ann", "", "m")); e.Offset != uint64(n+1) || ep != epoch {
			t.Errorf("the next entry is %s:%d", ep, e.Offset)
		}
	}
}

package protocol

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestProtocolAmend(t *testing.T) {
	t.Parallel()
	runBoth(t, []sentence{
		{"data comes back as the same JSON value, and counts for the id", func(t *testing.T) {
			k := newTalk(t)
			a, _ := k.join()
			b, _ := k.join()
			const kept = `{"n":1.50,"s":"\u00e9\u003c","o":{"k":[1e400,null]}}`
			does(a, `{"type":"message","message":"m","data":{ "n":1.50, "s" : "\u00e9<", "o":{"k":[1e400,null]}},"id":"1"}`, "message 1 1 m "+kept, "ack 1 1")
			hears(b, "message 1 1 m "+kept)
			does(a, `{"type":"message","message":"","data":{},"id":"2"}`, "message 2 2 {}", "ack 2 2")
			does(a, `{"type":"message","message":"other","data":{"x":1},"id":"1"}`, "ack 1 1")
			harness.Expect(t, "history", history(b), []string{"message 1 1 m " + kept, "message 2 2 {}"})
			_, body := harness.Get(t, k.base+"/rooms/r/messages")
			if !strings.Contains(body, kept) {
				t.Error(body)
			}
		}},
		{"a reply names an earlier entry, of any kind", func(t *testing.T) {
			k := newTalk(t)
			a, _ := k.join()
			does(a, `{"type":"message","message":"one"}`, "message 1 one")
			does(a, `{"type":"message","message":"two","reply_to":1}`, "message 2 two to 1")
			does(a, `{"type":"delete","target":1}`, "delete 3 of 1")
			does(a, `{"type":"message","message":"three","reply_to":1}`, "message 4 three to 1")
			does(a, `{"type":"message","message":"four","reply_to":3}`, "message 5 four to 3")
			does(a, `{"type":"message","message":"five","reply_to":6}`, "error bad_request")
			harness.Expect(t, "history", history(a), []string{"message 2 two to 1", "message 4 three to 1", "message 5 four to 3"})
		}},
		{"an edit changes text and data as a whole, and is in no history", func(t *testing.T) {
			k := newTalk(t)
			a, _ := k.join()
			b, _ := k.join()
			does(a, `{"type":"message","message":"old","data":{"x":1},"reply_to":0,"id":"0"}`, "error bad_request")
			does(a, `{"type":"message","message":"old","data":{"x":1},"id":"m"}`, `message 1 m old {"x":1}`, "ack 1 m")
			does(a, `{"type":"edit","target":1,"message":"new","id":"e"}`, "edit 2 of 1 e new", "ack 2 e")
			hears(b, `message 1 m old {"x":1}`, "edit 2 of 1 e new")
			harness.Expect(t, "history", history(b), []string{"message 1 m new edited as of 2"})
			does(a, `{"type":"edit","target":1,"message":"","data":{"y":2}}`, `edit 3 of 1 {"y":2}`)
			harness.Expect(t, "history", history(b)[0], `message 1 m {"y":2} edited as of 3`)
			does(a, `{"type":"edit","target":1,"message":"other","id":"e"}`, "ack 2 e")
		}},
		{"a deletion erases", func(t *testing.T) {
			k := newTalk(t)
			a, _ := k.join()
			b, w := k.join()
			does(a, `{"type":"message","message":"secret"}`, "message 1 secret")
			does(a, `{"type":"edit","target":1,"message":"secret2"}`, "edit 2 of 1 secret2")
			does(a, `{"type":"reaction","target":1,"reaction":"👍"}`, "reaction 3 of 1 👍")
			does(a, `{"type":"message","message":"stays"}`, "message 4 stays")
			// Before the deletion: what is erased is not sent to whom it has not reached.
			hears(b, "message 1 secret", "edit 2 of 1 secret2", "reaction 3 of 1 👍", "message 4 stays")
			does(a, `{"type":"delete","target":1,"id":"d"}`, "delete 5 of 1 d", "ack 5 d")
			does(a, `{"type":"delete","target":1,"id":"d"}`, "ack 5 d")
			hears(b, "delete 5 of 1 d")
			harness.Expect(t, "history", history(b), []string{"message 4 stays"})
			for _, object := range []string{`{"type":"edit","target":1,"message":"x"}`, `{"type":"delete","target":1}`, `{"type":"reaction","target":1,"reaction":"👍"}`} {
				does(a, object, "error no_such_message")
			}
			c := dial(t, k.base, "r", true, "since", w.Position)
			c.Until("welcome")
			var again []string
			for _, o := range settle(c) {
				again = append(again, line(o))
			}
			harness.Expect(t, "resumed", again, []string{"message 4 stays", "delete 5 of 1 d"})
		}},
		{"a joiner gets messages as they are, and only messages count", func(t *testing.T) {
			k := newTalk(t, chat.WithHistory(3), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{})))
			a, _ := k.join()
			for i := range 4 {
				does(a, fmt.Sprintf(`{"type":"message","message":"m%d"}`, i+1), fmt.Sprintf("message %d m%d", i+1, i+1))
			}
			for i := range 9 {
				does(a, fmt.Sprintf(`{"type":"edit","target":3,"message":"e%d"}`, i), fmt.Sprintf("edit %d of 3 e%d", 5+i, i))
			}
			does(a, `{"type":"delete","target":4}`, "delete 14 of 4")
			does(a, `{"type":"reaction","target":2,"reaction":":ok:"}`, "reaction 15 of 2 :ok:")
			c := dial(t, k.base, "r", true)
			c.Until("welcome")
			var got []string
			for _, o := range settle(c) {
				got = append(got, line(o))
			}
			harness.Expect(t, "replay", got, []string{"message 1 m1", "message 2 m2 :ok:×1 as of 15", "message 3 e8 edited as of 13"})
			d := dial(t, k.base, "r", false)
			for _, want := range []string{"message 1 m1", "message 2 m2 :ok:×1 as of 15", "message 3 e8 edited as of 13"} {
				harness.Expect(t, "plain", line(d.Next()), want)
			}
			does(a, `{"type":"edit","target":1,"message":"x"}`, "edit 16 of 1 x")
			harness.Publish(t, k.srv, "r", "end")
			if types := d.UpTo("end"); len(types) != 0 {
				t.Errorf("plain: %v", types)
			}
		}},
		{"reactions are a set", func(t *testing.T) {
			k := newTalk(t)
			a, wa := k.join()
			b, wb := k.join()
			does(a, `{"type":"message","message":"m"}`, "message 1 m")
			hears(b, "message 1 m")
			does(a, `{"type":"reaction","target":1,"reaction":"❤","remove":true,"id":"0"}`, "ack 1 0")
			does(a, `{"type":"reaction","target":1,"reaction":"❤","id":"1"}`, "reaction 2 of 1 1 ❤️", "ack 2 1")
			does(b, `{"type":"reaction","target":1,"reaction":"❤️"}`, "reaction 2 of 1 1 ❤️", "reaction 3 of 1 ❤️")
			does(b, `{"type":"reaction","target":1,"reaction":"👍"}`, "reaction 4 of 1 👍")
			does(a, `{"type":"reaction","target":1,"reaction":"❤️","id":"2"}`, "reaction 3 of 1 ❤️", "reaction 4 of 1 👍", "ack 4 2")
			harness.Expect(t, "history", history(a), []string{"message 1 m ❤️×2 👍×1 as of 4"})
			b.Send(`{"type":"history"}`)
			users := b.Until("history").Messages[0].Reactions[0].Users
			if fmt.Sprint(users) != fmt.Sprint([]string{wa.User, wb.User}) && fmt.Sprint(users) != fmt.Sprint([]string{wb.User, wa.User}) {
				t.Errorf("users %v", users)
			}
			does(a, `{"type":"reaction","target":1,"reaction":"❤️","remove":true}`, "reaction 5 of 1 ❤️ removed")
			does(a, `{"type":"reaction","target":1,"reaction":"❤️","remove":true,"id":"3"}`, "ack 5 3")
			harness.Expect(t, "history", history(a), []string{"message 1 m ❤️×1 👍×1 as of 5"})
			for i := range 18 {
				does(a, fmt.Sprintf(`{"type":"reaction","target":1,"reaction":":r%d:"}`, i), fmt.Sprintf("reaction %d of 1 :r%d:", 6+i, i))
			}
			does(a, `{"type":"reaction","target":1,"reaction":":more:"}`, "error bad_request")
			does(a, `{"type":"reaction","target":1,"reaction":"❤️"}`, "reaction 24 of 1 ❤️")
		}},
		{"only the author edits or deletes, and a moderator may delete", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader, chat.WithModerator(func(_ context.Context, u chat.User, room string) bool { return u.ID == "boss" && room == "r" }))
			a, _ := k.join("as", "u1")
			b, wb := k.join("as", "u2")
			m, wm := k.join("as", "boss")
			if wb.Moderator || !wm.Moderator {
				t.Errorf("told to be moderators: u2 %t, boss %t", wb.Moderator, wm.Moderator)
			}
			does(a, `{"type":"message","message":"m"}`, "message 1 m")
			hears(b, "message 1 m")
			hears(m, "message 1 m")
			does(b, `{"type":"edit","target":1,"message":"x","id":"1"}`, "error no_such_message")
			does(b, `{"type":"delete","target":1}`, "error no_such_message")
			does(m, `{"type":"edit","target":1,"message":"x"}`, "error no_such_message")
			does(m, `{"type":"delete","target":1}`, "delete 2 of 1")
			hears(a, "delete 2 of 1")
			does(a, `{"type":"private","to":"u2","message":"p"}`, "private 3 p")
			does(m, `{"type":"delete","target":3}`, "error no_such_message")
		}},
		{"an anonymous user is the author with its session only", func(t *testing.T) {
			k := newTalk(t)
			a, w := k.join()
			does(a, `{"type":"message","message":"m"}`, "message 1 m")
			a.Conn.Close(1000, "")
			b, _ := k.join()
			does(b, `{"type":"edit","target":1,"message":"x"}`, "error no_such_message")
			a, _ = k.join("session", w.Session)
			does(a, `{"type":"edit","target":1,"message":"new"}`, "edit 2 of 1 new")
			does(a, `{"type":"delete","target":1}`, "delete 3 of 1")
		}},
		{"what amends a private message is for the same two", func(t *testing.T) {
			k := newTalk(t)
			a, _ := k.join()
			b, wb := k.join()
			c, _ := k.join()
			does(a, fmt.Sprintf(`{"type":"private","to":%q,"message":"p"}`, wb.User), "private 1 p")
			hears(b, "private 1 p")
			does(c, `{"type":"reaction","target":1,"reaction":"👍"}`, "error no_such_message")
			does(b, `{"type":"reaction","target":1,"reaction":"👍"}`, "reaction 2 of 1 👍")
			does(a, `{"type":"edit","target":1,"message":"q"}`, "reaction 2 of 1 👍", "edit 3 of 1 q")
			hears(b, "edit 3 of 1 q")
			harness.Expect(t, "history", history(b), []string{"private 1 q edited 👍×1 as of 3"})
			does(a, `{"type":"delete","target":1}`, "delete 4 of 1")
			hears(b, "delete 4 of 1")
			does(c, `{"type":"message","message":"end"}`, "message 5 end")
		}},
		{"an amendment is no target", func(t *testing.T) {
			k := newTalk(t)
			a, _ := k.join()
			does(a, `{"type":"message","message":"m"}`, "message 1 m")
			does(a, `{"type":"edit","target":1,"message":"x"}`, "edit 2 of 1 x")
			for _, target := range []uint64{2, 3, 1 << 40} {
				for _, rest := range []string{`"edit","message":"y"`, `"delete"`, `"reaction","reaction":"👍"`} {
					does(a, fmt.Sprintf(`{"type":%s,"target":%d}`, rest, target), "error no_such_message")
				}
			}
		}},
	})
}

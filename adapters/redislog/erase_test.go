package redislog_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func amend(t testing.TB, l *redislog.Log, e chatlog.Event) chatlog.Event {
	t.Helper()
	a, err := l.Amend(within(t), "room", e, false)
	if err != nil || a.Repeated {
		t.Fatalf("Amend of %+v: Repeated %t, %v", e, a.Repeated, err)
	}
	return a.Event
}

func edit(user string, target uint64, message string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeEdit, UserID: user, Username: user, Target: target, Text: message}
}

func reaction(user string, target uint64, what string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeReaction, UserID: user, Username: user, Target: target, Reaction: what}
}

// When a deletion is answered, Redis has nothing of the message or of its amendments: in no key,
// in no snapshot, and in no append-only file that was rewritten since.
func TestErased(t *testing.T) {
	t.Parallel()
	for _, compression := range []string{"yes", "no"} {
		t.Run("rdbcompression="+compression, func(t *testing.T) {
			t.Parallel()
			i := freshInstance(t, "--appendonly", "yes", "--rdbcompression", compression, "--activerehashing", "no")
			l := redislog.New(i.client(t), redislog.WithHistory(300))
			old := newServerBefore(t, i, l, "room", 1000)
			old.append(text("ann", "", "OLDSECRET before"))
			old.append(private("ann", "bob"))
			r := opened(t, l, "room")
			var secret []uint64
			for n := range 40 { // other messages, which stay
				put(t, l, "room", text("ann", "", fmt.Sprint("kept ", n)))
				e := text("ann", fmt.Sprint("id", n), strings.Repeat("TEXTSECRET ", 1+n*n))
				e.Data = json.RawMessage(`{"a":"DATASECRET"}`)
				if n%3 == 0 {
					e.Type, e.To = chatlog.TypePrivate, "bob"
				}
				stored, _ := put(t, l, "room", e)
				secret = append(secret, stored.Offset)
			}
			secret = append(secret, 1)
			for n := range 300 { // more than a room keeps
				target := secret[n%len(secret)]
				switch n % 4 {
				case 0:
					e := edit("ann", target, strings.Repeat("EDITSECRET ", n))
					e.Data = json.RawMessage(fmt.Sprintf(`{"n":%d,"EDITSECRET":[]}`, n))
					amend(t, l, e)
				default:
					amend(t, l, reaction([]string{"ann", "bob"}[n%2], target, fmt.Sprintf(":SECRET%d:", n/len(secret))))
				}
			}
			for n := range 60 {
				amend(t, l, reaction(fmt.Sprint("USERSECRET", n), 1, ":SECRET:"))
			}
			if found := i.find(t, "SECRET"); len(found) < 5 {
				t.Fatalf("before the deletion, the text is only in %v", found)
			}
			for _, target := range secret {
				amend(t, l, chatlog.Event{Type: chatlog.TypeDelete, UserID: "ann", Target: target})
			}
			if found := i.find(t, "SECRET"); len(found) > 0 {
				t.Errorf("after the deletion, the text is in %v", found)
			}
			for _, rg := range []chatlog.Range{{From: 1}, {From: 1, Messages: true}, {Visible: true, Reader: "bob"}, {Messages: true, Visible: true, Reader: "ann"}} {
				rg.Limit = 1000
				p := read(t, l, "room", rg)
				if s := fmt.Sprintf("%+v", p); strings.Contains(s, "SECRET") || len(p.Events) < 41 {
					t.Errorf("%+v: %s", rg, s)
				}
			}
			for n := range 40 {
				a, err := l.Lookup(within(t), "room", "ann", fmt.Sprint("id", n))
				if err != nil || !a.Repeated || a.Event.Type != "" || a.Event.Offset != secret[n] || a.Event.Text != "" {
					t.Errorf("lookup of a deleted message: %+v, %v", a, err)
				}
			}
			if len(r.all()) == 0 {
				t.Error("nothing was pushed")
			}
		})
	}
}

// find returns the keys whose value contains text. It also rewrites the append-only file, and
// returns the files that contain text.
func (i *instance) find(t testing.TB, text string) (found []string) {
	t.Helper()
	for _, key := range i.exec(t, "KEYS", "*").([]any) {
		if strings.Contains(i.exec(t, "DUMP", key).(string), text) || strings.Contains(fmt.Sprintf("%q", i.value(t, key.(string))), text) {
			found = append(found, key.(string))
		}
	}
	i.exec(t, "SAVE")
	i.exec(t, "BGREWRITEAOF")
	eventually(t, "the file is rewritten", func() bool {
		info := i.exec(t, "INFO", "persistence").(string)
		return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0")
	})
	files, err := filepath.Glob(filepath.Join(i.dir, "appendonlydir", "*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, name := range append(files, filepath.Join(i.dir, "dump.rdb")) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), text) {
			found = append(found, filepath.Base(name))
		}
	}
	return found
}

// value returns everything that a key holds.
func (i *instance) value(t testing.TB, key string) any {
	t.Helper()
	switch kind := i.exec(t, "TYPE", key); kind {
	case "string":
		return i.exec(t, "GET", key)
	case "list":
		return i.exec(t, "LRANGE", key, 0, -1)
	case "hash":
		return i.exec(t, "HGETALL", key)
	case "set":
		return i.exec(t, "SMEMBERS", key)
	case "zset":
		return i.exec(t, "ZRANGE", key, 0, -1)
	default:
		t.Fatalf("%s is a %v", key, kind)
		return nil
	}
}

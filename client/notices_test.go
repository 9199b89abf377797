package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/client"
)

// TestMarkers has markers sent over several connections.
func TestMarkers(t *testing.T) {
	var got []string
	var now atomic.Pointer[peer]
	start := time.Time{}
	inBubble(t, func(p *peer, n int) {
		if now.Store(p); n == 0 {
			start = time.Now()
		}
		switch n {
		case 0:
			p.welcome("e:9", `,"read":4,"unread":3`)
		case 1:
			p.welcome("e:9", resumed+`,"read":20`) // the latest has got lost
		case 2:
			p.welcome("e:9", resumed+`,"read":30`)
		default:
			p.welcome("f:90", gap)
		}
		for o := p.hear(); o != nil; o = p.hear() {
			got = append(got, fmt.Sprint(n, " ", o["type"], " ", o["offset"], " after ", time.Since(start)))
		}
	}, func(f *fake) {
		u := f.join(client.WithBackoff(time.Nanosecond, time.Nanosecond))
		if w := u.any().Welcome; w.Read != 4 || w.Unread != 3 || w.Limits.DataBytes != 100 {
			t.Errorf("welcome %+v", w)
		}
		mark := func(offsets ...uint64) {
			for _, o := range offsets {
				if err := u.MarkRead(bg, o); err != nil {
					t.Error(err)
				}
				synctest.Wait()
			}
		}
		cut := func() {
			now.Load().conn.CloseNow()
			time.Sleep(time.Millisecond)
		}
		mark(3, 4)          // which the server knows
		mark(10, 11, 20, 9) // the first and the greatest are sent
		time.Sleep(time.Second)
		mark(20, 30)
		cut() // and the server does not have it
		time.Sleep(time.Second)
		cut() // and it has it
		time.Sleep(time.Second)
		for range 2 {
			u.any()
		}
		cut()    // and there is another epoch
		mark(31) // but the program does not know yet
		for range 2 {
			u.any()
		}
		mark(1, 2)
		u.Close() // sends the last
	})
	want := []string{"0 read 10 after 0s", "0 read 20 after 500ms", "0 read 30 after 1s", "1 read 30 after 1.5s", "3 read 1 after 3s", "3 read 2 after 3s"}
	for i := range got { // of the connections themselves
		at := strings.LastIndex(got[i], " ") + 1
		d, _ := time.ParseDuration(got[i][at:])
		got[i] = got[i][:at] + d.Truncate(100*time.Millisecond).String()
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// TestMarkersRefused has the server refuse markers for good, and once.
func TestMarkersRefused(t *testing.T) {
	for code, times := range map[string]int{"unsupported": 3, "unknown_type": 3, "forbidden": 1} {
		sent := 0
		inBubble(t, func(p *peer, n int) {
			p.welcome("e:9", "")
			for o := p.hear(); o != nil; o = p.hear() {
				if sent++; sent == 1 {
					p.say(refuse(o, code, 0))
				}
			}
		}, func(f *fake) {
			u := f.join()
			refused := 0
			for i := range uint64(5) {
				err := u.MarkRead(bg, i+1)
				if e := (*client.Error)(nil); errors.As(err, &e) && e.Code == code {
					refused++
				} else if err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				if i == 3 && times == 3 && sent != 1 {
					t.Errorf("%s: sent %d times", code, sent)
				}
			}
			if times == 3 && refused != 4 || times == 1 && refused != 1 {
				t.Errorf("%s: refused %d times", code, refused)
			}
			u.Close()
		})
	}
}

// TestSignals sends signals at the rate that servers allow, and over it.
func TestSignals(t *testing.T) {
	var got []map[string]any
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:9", resumed)
		for o := p.hear(); o != nil && o["type"] != "ping"; o = p.hear() {
			got = append(got, o)
		}
	}, func(f *fake) {
		u := f.join()
		limited := 0
		for i := range 30 {
			err := u.Signal(bg, "cursor.x-1_", json.RawMessage(fmt.Sprintf(`{"i":%d}`, i)))
			if e := (*client.Error)(nil); errors.As(err, &e) && e.Code == client.CodeRateLimited && e.RetryAfter == 50*time.Millisecond {
				limited++
			} else if err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		if limited != 10 {
			t.Errorf("%d limited", limited)
		}
		time.Sleep(50 * time.Millisecond)
		if err := u.Signal(bg, "last", nil); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		f.l.down.Store(true)
		go u.Ping(bg)
		synctest.Wait()
		time.Sleep(time.Second)
		if err := u.Signal(bg, "lost", nil); err != nil {
			t.Error(err)
		}
		f.l.down.Store(false)
		time.Sleep(time.Minute)
		u.Close()
	})
	if len(got) != 21 {
		t.Fatalf("%d sent: %v", len(got), got)
	}
	for i, o := range got {
		want := map[string]any{"type": "signal", "name": "cursor.x-1_", "data": map[string]any{"i": float64(i)}, "id": "client.signal"}
		if i == 20 {
			want = map[string]any{"type": "signal", "name": "last", "id": "client.signal"}
		}
		if !cmp.Equal(o, want) {
			t.Error(cmp.Diff(want, o))
		}
	}
}

// TestNoticesArrive has the server send what it does not store.
func TestNoticesArrive(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:9", "")
		p.say(`{"type":"read","user":"you","offset":9}`,
			`{"type":"signal","user":"you","username":"You","name":"cursor","data":{"x":1}}`,
			message(10, "a", `,"data":{"n":[1]},"reply_to":3`),
			amend("edit", 11, 10, `"message":"b","data":{"n":2}`),
			amend("reaction", 12, 10, `"reaction":"👍","remove":true`))
		p.hearAll()
	}, func(f *fake) {
		u := f.join()
		if e := u.next(); e.Type != "read" || e.UserID != "you" || e.Target != 9 || e.Offset != 0 || !e.Live {
			t.Errorf("got %+v", e)
		}
		if e := u.next(); e.Type != "signal" || e.Kind != "cursor" || e.Username != "You" || string(e.Data) != `{"x":1}` || !e.Live {
			t.Errorf("got %+v", e)
		}
		if e := u.next(); e.ReplyTo != 3 || string(e.Data) != `{"n":[1]}` {
			t.Errorf("got %+v", e)
		}
		if e := u.next(); e.Type != "edit" || e.Target != 10 || e.Text != "b" || string(e.Data) != `{"n":2}` || e.Position.Offset != 11 {
			t.Errorf("got %+v", e)
		}
		if e := u.next(); e.Type != "reaction" || e.Reaction != "👍" || !e.Remove || e.Offset != 12 {
			t.Errorf("got %+v", e)
		}
		u.Close()
	})
}

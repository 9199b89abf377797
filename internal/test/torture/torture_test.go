package torture

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestTorture(t *testing.T) {
	for _, s := range torture(t, 50, *tortureTime, *tortureSeed, sound) {
		t.Error(s)
	}
}

// TestTortureMixed has clients of all kinds in one room, and the server's program move them.
func TestTortureMixed(t *testing.T) {
	for _, s := range torture(t, 50, *tortureTime, *tortureSeed, mixed, harness.Quiet) {
		t.Error(s)
	}
}

// TestTortureFindsBugs plants bugs, each of which the checker must find.
func TestTortureFindsBugs(t *testing.T) {
	brittle := &brittleLog{amender: newLog()}
	forgetful := newForgetfulLog()
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
			}), time.Second, false}
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
			}), harness.Patience, false}
		}, nil},
		{swapsEdits, sound, []chat.Option{chat.WithLog(newWrongLog(swapsEdits))}},
		{leavesDeleted, sound, []chat.Option{chat.WithLog(newWrongLog(leavesDeleted))}},
		{countsTwice, sound, []chat.Option{chat.WithLog(newWrongLog(countsTwice))}},
	} {
		if testing.Short() && i == 1 {
			break // each takes a while
		}
		t.Run(tc.name, func(t *testing.T) {
			var found []string
			for n := uint64(0); n < 5 && len(found) == 0; n++ { // some show only in a busy run
				found = torture(t, 30, time.Second, *tortureSeed+n, tc.plant, tc.opts...)
			}
			if len(found) == 0 {
				t.Error("not found")
			} else {
				t.Log("found:", found[0])
			}
		})
	}
}

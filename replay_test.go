package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
)

// TestReplayEnds looks for what tells a client that its replay is over: the entry
// at the welcome's position, or else an object that says so, in its place between
// replay and what is live, and ahead of neither.
func TestReplayEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		opts    []chat.Option
		entries string // one a letter: p public, x private to others
		since   int    // -1: none
		plain   bool
		places  bool // whether it is told
	}{
		{name: "an empty room", since: -1},
		{name: "ends with a message", entries: "pxp", since: -1},
		{name: "ends with a message of others", entries: "ppx", since: -1, places: true},
		{name: "nothing but messages of others", entries: "xxx", since: -1, places: true},
		{name: "no history", opts: []chat.Option{chat.WithHistory(0)}, entries: "pp", since: -1, places: true},
		{name: "resumed, nothing new", entries: "px", since: 2},
		{name: "resumed, a message", entries: "pxxp", since: 1},
		{name: "resumed, only messages of others", entries: "pxx", since: 1, places: true},
		{name: "resumed, a message and one of others", entries: "ppx", since: 1, places: true},
		{name: "from the log", opts: []chat.Option{chat.WithResume(1)}, entries: strings.Repeat("p", 250) + "x", since: 3, places: true},
		{name: "from the log, ends with a message", opts: []chat.Option{chat.WithResume(1)}, entries: strings.Repeat("px", 120) + "p", since: 3},
		{name: "from beyond the log", entries: "px", since: 9, places: true},
		{name: "plain", entries: "ppx", since: -1, plain: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv, base := serve(t, append([]chat.Option{chat.WithHistory(300)}, tc.opts...)...)
			keep := dial(t, base, "r", true, "username", "Keeper")
			position := keep.until("welcome").Position
			a, b := dial(t, base, "r", true), dial(t, base, "r", true)
			to := a.until("welcome").User
			b.until("welcome")
			for i, c := range tc.entries {
				if c == 'p' {
					publish(t, srv, "r", fmt.Sprint("m", i+1))
					continue
				}
				b.send(fmt.Sprintf(`{"type":"private","to":%q,"message":"psst","id":"i%d"}`, to, i))
				b.until("ack")
			}
			var params []string
			if tc.since >= 0 {
				epoch, _, _ := strings.Cut(position, ":")
				params = []string{"since", fmt.Sprint(epoch, ":", tc.since)}
			}
			p := dial(t, base, "r", !tc.plain, params...)
			if !tc.plain {
				position = p.until("welcome").Position
			} else {
				p.here()
			}
			p.send("ping")
			if !tc.places { // otherwise once it has come, or what is live may show it
				publish(t, srv, "r", "live")
			}
			var got []string
			for {
				o, err := p.any()
				if err != nil {
					t.Fatal(err)
				}
				if o.Message == "live" {
					break
				}
				if o.Type == "position" {
					if got = append(got, o.Position); len(got) == 1 {
						publish(t, srv, "r", "live")
					}
				} else if len(got) > 0 && o.Offset != 0 {
					t.Errorf("%+v after the end of the replay", o)
				}
			}
			var want []string
			if tc.places {
				want = []string{position}
			}
			if !slices.Equal(got, want) {
				t.Errorf("told %v, want %v", got, want)
			}
		})
	}
}

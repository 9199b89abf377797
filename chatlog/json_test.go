package chatlog

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestObjects compares each type's object with the protocol, and reads it back.
func TestObjects(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	const when = `"time":"2026-01-02T03:04:05.006Z","user":"u1","username":"Ann"`
	for _, test := range []struct {
		e    Event
		want string
	}{
		{Event{Type: TypeMessage, Offset: 57, Data: json.RawMessage(`{"a":1}`), ReplyTo: 12},
			`{"type":"message","offset":57,` + when + `,"message":"","data":{"a":1},"reply_to":12}`},
		{Event{Type: TypeEdit, Offset: 91, Target: 57, Text: "new", Data: json.RawMessage(`{}`), ID: "e1", To: "u2"},
			`{"type":"edit","offset":91,` + when + `,"target":57,"message":"new","data":{},"id":"e1"}`},
		{Event{Type: TypeDelete, Offset: 92, Target: 57},
			`{"type":"delete","offset":92,` + when + `,"target":57}`},
		{Event{Type: TypeReaction, Offset: 93, Target: 57, Reaction: "👍"},
			`{"type":"reaction","offset":93,` + when + `,"target":57,"reaction":"👍"}`},
		{Event{Type: TypeReaction, Offset: 94, Target: 57, Reaction: "👍", Remove: true},
			`{"type":"reaction","offset":94,` + when + `,"target":57,"reaction":"👍","remove":true}`},
		{Event{Type: TypeMessage, Offset: 57, Text: "new", Edited: at, Amended: 95,
			Reactions: []Reaction{{"👍", 2, []string{"u1", "u2"}}, {":ok:", 1, []string{"u3"}}}},
			`{"type":"message","offset":57,` + when + `,"message":"new","edited":"2026-01-02T03:04:05.006Z","reactions":` +
				`[{"reaction":"👍","count":2,"users":["u1","u2"]},{"reaction":":ok:","count":1,"users":["u3"]}],"amended":95}`},
		{Event{Type: TypeSignal, Kind: "cursor", Data: json.RawMessage(`{"x":1}`)},
			`{"type":"signal","user":"u1","username":"Ann","name":"cursor","data":{"x":1}}`},
		{Event{Type: TypeRead, Target: 57}, `{"type":"read","user":"u1","offset":57}`},
	} {
		test.e.Time, test.e.UserID, test.e.Username = at, "u1", "Ann"
		got := AppendJSON(nil, &test.e)
		if string(got) != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		var back Event
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		if test.e.Offset == 0 {
			continue // some of its keys have other names
		}
		test.e.To = "" // clients take it from the target
		if diff := cmp.Diff(test.e, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", got, diff)
		}
	}
}

func TestVisibleTo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		e    Event
		user string
		want bool
	}{
		{Event{Type: TypeMessage, UserID: "a"}, "", true},
		{Event{Type: TypePrivate, UserID: "a", To: "b"}, "c", false},
		{Event{Type: TypePrivate, UserID: "a", To: "b"}, "b", true},
		{Event{Type: TypePrivate}, "", false},
		{Event{Type: TypeReaction, UserID: "a"}, "c", true},
		{Event{Type: TypeReaction, UserID: "b", To: "a"}, "a", true},
		{Event{Type: TypeEdit, UserID: "b", To: "a"}, "b", true},
		{Event{Type: TypeDelete, UserID: "b", To: "a"}, "c", false},
		{Event{Type: TypeDelete, UserID: "b", To: "b"}, "", false},
	} {
		if got := test.e.VisibleTo(test.user); got != test.want {
			t.Errorf("%+v is visible to %q: %t", test.e, test.user, got)
		}
	}
}

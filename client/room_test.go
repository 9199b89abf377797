package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// code returns the code of an Error, or nothing.
func code(err error) string {
	var e *client.Error
	errors.As(err, &e)
	if e == nil {
		return ""
	}
	return e.Code
}

func TestMessagesChange(t *testing.T) {
	_, base := serve(t)
	alice, bob := join(t, base, "r", "Alice"), join(t, base, "r", "Bob")
	ctx := soon(t)
	one := alice.send("one")
	two, err := bob.Publish(ctx, chat.Message{Text: "two", Data: json.RawMessage(`{"n": 1}`), ReplyTo: one})
	if err != nil {
		t.Fatal(err)
	}
	alice.until(chat.TypeMessage)
	if e := alice.next(); e.Offset != two || string(e.Data) != `{"n":1}` || e.ReplyTo != one {
		t.Errorf("got %+v", e)
	}
	edit, err := bob.Edit(ctx, two, chat.Message{Text: "new"})
	if e := alice.next(); err != nil || e.Type != chat.TypeEdit || e.Offset != edit || e.Target != two || e.Text != "new" || e.Data != nil || e.UserID != bob.Welcome().User {
		t.Errorf("got %+v, %v", e, err)
	}
	reaction, err := alice.React(ctx, two, "👍")
	if e := alice.next(); err != nil || e.Type != chat.TypeReaction || e.Offset != reaction || e.Target != two || e.Reaction != "👍" || e.Remove {
		t.Errorf("got %+v, %v", e, err)
	}
	for range 2 { // what is there already changes nothing
		if again, err := alice.React(ctx, two, "👍"); again != reaction || err != nil {
			t.Errorf("got %d, %v, want %d", again, err, reaction)
		}
	}
	if _, err := alice.Edit(ctx, two, chat.Message{Text: "mine"}); code(err) != client.CodeNoSuchMessage {
		t.Errorf("Edit: %v", err)
	}
	if _, err := alice.React(ctx, 1000, "👍"); code(err) != client.CodeNoSuchMessage {
		t.Errorf("React: %v", err)
	}
	if _, err := alice.React(ctx, two, "no emoji"); code(err) != client.CodeBadRequest {
		t.Errorf("React: %v", err)
	}
	page, err := alice.History(ctx, chat.Query{})
	if err != nil || len(page.Events) != 2 || page.Position.Epoch != alice.Welcome().Position.Epoch {
		t.Fatalf("History: %+v, %v", page, err)
	}
	want := []chat.Reaction{{Reaction: "👍", Count: 1, Users: []string{alice.Welcome().User}}}
	if m := page.Events[1]; m.Text != "new" || m.Data != nil || m.Edited.IsZero() || m.Amended != reaction || !cmp.Equal(m.Reactions, want) {
		t.Errorf("got %+v", m)
	}
	back, err := alice.Unreact(ctx, two, "👍")
	if e := alice.next(); err != nil || e.Offset != back || !e.Remove {
		t.Errorf("got %+v, %v", e, err)
	}
	gone, err := bob.Delete(ctx, two)
	if e := alice.next(); err != nil || e.Type != chat.TypeDelete || e.Offset != gone || e.Target != two {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := bob.Edit(ctx, two, chat.Message{Text: "x"}); code(err) != client.CodeNoSuchMessage {
		t.Errorf("Edit: %v", err)
	}
}

func TestReadAndSignal(t *testing.T) {
	_, base := serve(t)
	alice, bob := join(t, base, "r", "Alice"), join(t, base, "r", "Bob")
	for i := range 5 {
		bob.send(fmt.Sprint(i))
	}
	phone := join(t, base, "r", "Alice", client.WithSession(alice.Welcome().Session))
	if w := phone.Welcome(); w.Read != 0 || w.Unread != 5 {
		t.Errorf("welcome %+v", w)
	}
	for i := range uint64(4) {
		if err := alice.MarkRead(soon(t), i); err != nil {
			t.Error(err)
		}
	}
	alice.Close() // which sends the last
	for read := uint64(0); read < 3; {
		e := phone.until(chat.TypeRead)
		if e.UserID != alice.Welcome().User || e.Target <= read || e.Offset != 0 {
			t.Errorf("got %+v after %d", e, read)
		}
		read = e.Target
	}
	if w := join(t, base, "r", "Alice", client.WithSession(phone.Welcome().Session)).Welcome(); w.Read != 3 || w.Unread != 2 {
		t.Errorf("welcome %+v", w)
	}
	if err := bob.Signal(soon(t), "cursor", json.RawMessage(`{"x": 1}`)); err != nil {
		t.Error(err)
	}
	if e := phone.until(chat.TypeSignal); e.Kind != "cursor" || string(e.Data) != `{"x":1}` || e.UserID != bob.Welcome().User {
		t.Errorf("got %+v", e)
	}
}

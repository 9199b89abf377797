package client_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// The vectors of a fold, in testdata, are objects in the order in which a client gets them,
// and what it then shows. The JavaScript client passes the same.

var update = flag.Bool("update", false, "write the random vectors of testdata/view-random.json anew")

type vector struct {
	Name     string            `json:"name"`
	Limit    int               `json:"limit"`
	Steps    []step            `json:"steps"`
	Messages []json.RawMessage `json:"messages"` // what the view has in the end
	Read     uint64            `json:"read"`
	Unread   int               `json:"unread"`
}

// step is one object from the server, with the types of client events, or a page.
type step struct {
	Apply json.RawMessage `json:"apply,omitempty"`
	Merge *page           `json:"merge,omitempty"`
	Same  bool            `json:"same,omitempty"` // it changes nothing
}

type page struct {
	Epoch    string            `json:"epoch"`
	Messages []json.RawMessage `json:"messages"`
}

// yielded returns the event for an object.
func yielded(t *testing.T, b []byte) client.Event {
	t.Helper()
	var o struct {
		chat.Event
		Position chat.Position `json:"position"`
		Read     uint64        `json:"read"`
		Gap      bool          `json:"gap"`
	}
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	e := client.Event{Event: o.Event}
	switch e.Type {
	case client.TypeWelcome:
		e.Welcome = &client.Welcome{User: o.UserID, Position: o.Position, Read: o.Read, Gap: o.Gap}
	case chat.TypeRead:
		e.Target, e.Offset = e.Offset, 0
	}
	return e
}

func (v *vector) run(t *testing.T) *client.View {
	t.Helper()
	view := client.NewView(v.Limit)
	for i, s := range v.Steps {
		before := view.Messages()
		was := string(object(before))
		read, _ := view.Unread()
		var changed bool
		if s.Merge != nil {
			p := chat.Page{Position: chat.Position{Epoch: s.Merge.Epoch}}
			for _, m := range s.Merge.Messages {
				p.Events = append(p.Events, yielded(t, m).Event)
			}
			changed = view.Merge(p)
		} else {
			changed = view.Apply(yielded(t, s.Apply))
		}
		if string(object(before)) != was {
			t.Errorf("step %d changes what Messages has returned", i)
		}
		if s.Same && changed {
			t.Errorf("step %d says that it has changed something", i)
		}
		if after, _ := view.Unread(); !changed && (string(object(view.Messages())) != was || read != after) {
			t.Errorf("step %d does not say that it has changed something", i)
		}
	}
	return view
}

// objects returns the messages of a view as clients see them.
func objects(t *testing.T, view *client.View) []json.RawMessage {
	t.Helper()
	list := []json.RawMessage{}
	for _, m := range view.Messages() {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

func TestViewVectors(t *testing.T) {
	for _, name := range []string{"testdata/view.json", "testdata/view-random.json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var vectors []vector
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&vectors); err != nil {
			t.Fatal(name, err)
		}
		for _, v := range vectors {
			t.Run(v.Name, func(t *testing.T) {
				view := v.run(t)
				if d := cmp.Diff(decoded(t, v.Messages), decoded(t, objects(t, view))); d != "" {
					t.Error(d)
				}
				if read, n := view.Unread(); read != v.Read || n != v.Unread {
					t.Errorf("read up to %d, %d unread", read, n)
				}
				for _, m := range view.Messages() {
					if got, ok := view.Message(m.Offset); !ok || !cmp.Equal(got, m) {
						t.Errorf("message %d is %+v, %v", m.Offset, got, ok)
					}
				}
				if _, ok := view.Message(1 << 40); ok {
					t.Error("there is a message that is not there")
				}
			})
		}
	}
}

func decoded(t *testing.T, list []json.RawMessage) (out []map[string]any) {
	t.Helper()
	for _, b := range list {
		var o map[string]any
		if err := json.Unmarshal(b, &o); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		out = append(out, o)
	}
	return out
}

// TestViewModel gives views what a server sends to a client that is cut off, comes back,
// meets gaps and pages through the history at any time, and compares them with the room.
func TestViewModel(t *testing.T) {
	runs := 200
	if testing.Short() {
		runs = 50
	}
	for seed := range uint64(runs) {
		limit := []int{0, 5, 40}[seed%3]
		m := newModel(seed, limit)
		for range 60 + seed%200 {
			m.step()
		}
		m.settle()
		v := vector{Limit: limit, Steps: m.steps}
		view := v.run(t)
		want := m.want()
		got := view.Messages()
		if limit > 0 && len(got) > limit {
			t.Fatalf("seed %d: %d messages", seed, len(got))
		}
		if limit > 0 { // what was pushed out does not come back when another goes
			held := map[uint64]bool{}
			for _, e := range got {
				held[e.Offset] = true
			}
			want = keep(want, func(e chat.Event) bool { return held[e.Offset] })
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if !*update {
		return
	}
	var vectors []vector
	for seed := range uint64(6) {
		v := vector{Name: fmt.Sprint("random ", seed), Limit: []int{0, 5}[seed%2]}
		m := newModel(seed, v.Limit)
		for range 60 {
			m.step()
		}
		m.settle()
		v.Steps = m.steps
		view := v.run(t)
		v.Messages = objects(t, view)
		v.Read, v.Unread = view.Unread()
		vectors = append(vectors, v)
	}
	b, err := json.MarshalIndent(vectors, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/view-random.json", compactSteps(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compactSteps puts each step and each message on one line.
func compactSteps(b []byte) []byte {
	var vectors []map[string]json.RawMessage
	if json.Unmarshal(b, &vectors) != nil {
		return b
	}
	var out bytes.Buffer
	out.WriteString("[\n")
	for i, v := range vectors {
		fmt.Fprintf(&out, "\t{\"name\": %s, \"limit\": %s, \"steps\": [\n", v["name"], v["limit"])
		lines(&out, v["steps"])
		out.WriteString("\t], \"messages\": [\n")
		lines(&out, v["messages"])
		fmt.Fprintf(&out, "\t], \"read\": %s, \"unread\": %s}", v["read"], v["unread"])
		if i < len(vectors)-1 {
			out.WriteString(",")
		}
		out.WriteString("\n")
	}
	out.WriteString("]\n")
	return out.Bytes()
}

func lines(out *bytes.Buffer, list []byte) {
	var all []json.RawMessage
	json.Unmarshal(list, &all)
	for i, one := range all {
		out.WriteString("\t\t")
		json.Compact(out, one)
		if i < len(all)-1 {
			out.WriteString(",")
		}
		out.WriteString("\n")
	}
}

func keep(list []chat.Event, ok func(chat.Event) bool) (out []chat.Event) {
	out = []chat.Event{}
	for _, e := range list {
		if ok(e) {
			out = append(out, e)
		}
	}
	return out
}

func newModel(seed uint64, limit int) *model {
	m := &model{rand: rand.New(rand.NewPCG(seed, 1)), epoch: "e", got: map[uint64]bool{}, limit: limit}
	for range 10 {
		m.change()
	}
	m.connect(false)
	return m
}

package verify

import (
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-08328bfd/chat/chatlog"
)

// An input is a call. Each message's text is its user and id, so every text is different.
type input struct {
	room  string
	text  string // of an append; empty: a read
	rng   chatlog.Range
	place bool // not a read but Positions
}

// An output is the answer to a call.
type output struct {
	offset   uint64 // of the entry, or the log's last offset; 0 if open and not known
	repeated bool   // the entry was already stored
	unsure   bool   // an earlier attempt failed, so repeated may come from that attempt
	open     bool   // there was no answer: the call may take effect later or never
	texts    []string
	first    uint64 // offset of the first text
	more     bool
}

// entries is a list of texts, represented by its last entry.
type entries struct {
	before *entries
	offset uint64
	text   string
	hash   uint64 // of all texts up to here
}

var hashSeed = maphash.MakeSeed()

func (l *entries) add(text string) *entries {
	return &entries{l, l.offset + 1, text, maphash.Comparable(hashSeed, [2]any{l.hash, text})}
}

func (l *entries) find(text string) uint64 {
	for ; l.offset > 0; l = l.before {
		if l.text == text {
			return l.offset
		}
	}
	return 0
}

// read returns the texts of a range, the offset of the first, and whether there are more in its
// direction.
func (l *entries) read(r chatlog.Range) (texts []string, first uint64, more bool) {
	end := l.offset
	switch {
	case r.From > 0:
		end = min(end, r.From+uint64(r.Limit)-1)
		more = end < l.offset
		r.Limit = max(0, int(end)-int(r.From)+1)
	case r.Before > 0:
		end = min(end, r.Before-1)
	}
	for ; l.offset > end; l = l.before {
	}
	for ; l.offset > 0 && len(texts) < r.Limit; l = l.before {
		texts = append(texts, l.text)
		first = l.offset
	}
	slices.Reverse(texts)
	if r.From == 0 {
		more = l.offset > 0
	}
	return texts, first, more
}

// model is a room: a list to which every text is added once.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		rooms := map[string][]porcupine.Operation{}
		for _, op := range history {
			room := op.Input.(input).room
			rooms[room] = append(rooms[room], op)
		}
		for _, part := range rooms {
			parts = append(parts, part)
		}
		return parts
	},
	Init:  func() any { return &entries{} },
	Equal: func(a, b any) bool { return a.(*entries).hash == b.(*entries).hash },
	Step: func(state, in, out any) (bool, any) {
		l, i, o := state.(*entries), in.(input), out.(output)
		switch {
		case i.place:
			return o.offset == l.offset, l
		case i.text == "":
			texts, first, more := l.read(i.rng)
			return o.offset == l.offset && o.more == more && o.first == first && slices.Equal(o.texts, texts), l
		}
		if offset := l.find(i.text); offset > 0 {
			return o.open || o.offset == offset && o.repeated, l
		}
		if o.open {
			return o.offset == 0 || o.offset == l.offset+1, l.add(i.text)
		}
		return o.offset == l.offset+1 && (!o.repeated || o.unsure), l.add(i.text)
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
	DescribeState:     func(state any) string { return fmt.Sprint(state.(*entries).offset) },
}

// check fails the test unless the history is linearizable.
func check(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	checkWith(t, model, history)
}

func checkWith(t *testing.T, model porcupine.Model, history []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model, history, time.Minute)
	if result == porcupine.Ok {
		return
	}
	f, err := os.CreateTemp("", "history-*.html")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := porcupine.Visualize(model, info, f); err != nil {
		t.Fatal(err)
	}
	t.Fatalf("%s: the history is in %s", result, f.Name())
}

func TestModel(t *testing.T) {
	l := &entries{}
	for i := range 5 {
		l = l.add(fmt.Sprint(i + 1))
	}
	for _, c := range []struct {
		r    chatlog.Range
		want string
	}{
		{chatlog.Range{Limit: 2}, "[4 5] 4 true"},
		{chatlog.Range{Limit: 5}, "[1 2 3 4 5] 1 false"},
		{chatlog.Range{From: 2, Limit: 2}, "[2 3] 2 true"},
		{chatlog.Range{From: 4, Limit: 9}, "[4 5] 4 false"},
		{chatlog.Range{From: 7, Limit: 2}, "[] 0 false"},
		{chatlog.Range{Before: 3, Limit: 1}, "[2] 2 true"},
		{chatlog.Range{Before: 3, Limit: 9}, "[1 2] 1 false"},
		{chatlog.Range{Before: 1, Limit: 9}, "[] 0 false"},
		{chatlog.Range{Before: 99, Limit: 1}, "[5] 5 true"},
	} {
		texts, first, more := l.read(c.r)
		if got := fmt.Sprint(texts, first, more); got != c.want {
			t.Errorf("%+v: %s, want %s", c.r, got, c.want)
		}
	}
}

// An append without an answer may have happened at any time, or never. But once it was read, it
// must stay.
func TestOpen(t *testing.T) {
	open := porcupine.Operation{Input: input{text: "a"}, Output: output{open: true}, Call: 1, Return: 100}
	read := func(at int64, texts ...string) porcupine.Operation {
		n := uint64(len(texts))
		return porcupine.Operation{Input: input{rng: chatlog.Range{Limit: 9}}, Output: output{offset: n, texts: texts, first: min(n, 1)}, Call: at, Return: at + 1}
	}
	again := func(at int64, repeated, unsure bool) porcupine.Operation {
		return porcupine.Operation{Input: input{text: "a"}, Output: output{offset: 1, repeated: repeated, unsure: unsure}, Call: at, Return: at + 1}
	}
	for i, c := range []struct {
		history []porcupine.Operation
		want    bool
	}{
		{[]porcupine.Operation{open, read(10), read(20)}, true},
		{[]porcupine.Operation{open, read(10), read(20, "a")}, true},
		{[]porcupine.Operation{open, read(10, "a"), read(20)}, false},
		{[]porcupine.Operation{open, read(10, "a", "a")}, false},
		{[]porcupine.Operation{open, read(10, "b")}, false},
		{[]porcupine.Operation{open, again(10, true, false), read(20, "a")}, true},
		{[]porcupine.Operation{open, again(10, false, false), read(20, "a")}, true},
		{[]porcupine.Operation{open, read(10, "a"), again(20, false, false)}, false},
		{[]porcupine.Operation{again(10, true, false)}, false},
		{[]porcupine.Operation{again(10, true, true)}, true},
		{[]porcupine.Operation{again(10, false, false), again(20, false, true)}, false},
	} {
		if got := porcupine.CheckOperations(model, c.history); got != c.want {
			t.Errorf("%d: %t", i, got)
		}
	}
}

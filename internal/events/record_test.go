package events

import (
	"strings"
	"testing"
	"time"
)

// record is a record as a client parses it (WHATWG HTML, section 9.2.6).
type record struct{ id, data string }

// parse reads a stream as section 9.2.6 says, without the fields that chat never sends.
func parse(t testing.TB, stream string) (all []record, retry string) {
	stream = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(stream)
	if stream != "" && !strings.HasSuffix(stream, "\n\n") {
		t.Errorf("the stream %q does not end with an empty line", stream)
	}
	var r record
	var data []string
	for line := range strings.SplitSeq(stream, "\n") {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != nil {
				r.data = strings.Join(data, "\n")
				all = append(all, r)
			}
			r, data = record{}, nil
		case field == "": // a comment
		case field == "id":
			r.id = value
		case field == "data":
			data = append(data, value)
		case field == "retry":
			retry = value
		default:
			t.Errorf("invalid line %q", line)
		}
	}
	return all, retry
}

// TestRecords reads everything that a stream may contain.
func TestRecords(t *testing.T) {
	f := Framing{Room: `a"b`}
	b := AppendRetry(nil, 1500*time.Millisecond)
	b = f.AppendText(b, []byte(`{"type":"welcome"}`), "", 0)
	b = f.AppendPing(b)
	b = f.AppendText(b, []byte(`{"type":"message","message":"a: b"}`), "e.1", 41)
	b = f.AppendText(b, []byte("{\"a\":\n\r\n 1\r}"), "e.1", 42)
	b = f.AppendClose(b, 1013, "too slow\n"+strings.Repeat("x", 200))
	all, retry := parse(t, string(b))
	want := []record{
		{"", `{"type":"welcome"}`},
		{"e.1:41", `{"type":"message","message":"a: b"}`},
		{"e.1:42", `{"a":    1 }`},
		{"", `{"type":"left","room":"a\"b","code":1013,"reason":"too slow\n` + strings.Repeat("x", 123-len("too slow\n")) + `"}`},
	}
	if retry != "1500" || len(all) != len(want) {
		t.Fatalf("retry %q, records %q", retry, all)
	}
	for i := range want {
		if all[i] != want[i] {
			t.Errorf("record %d is %q, want %q", i, all[i], want[i])
		}
	}
	if _, retry := parse(t, string(AppendRetry(nil, 0))); retry != "1" {
		t.Errorf("retry without a time: %q", retry)
	}
}

// FuzzRecord puts any text into a record between two others.
func FuzzRecord(f *testing.F) {
	for _, s := range []string{"", "{}", "\n", "\r\n", "a\rb\n\nid: x:1\n\ndata: c", " \n "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := AppendRecord(nil, []byte("first"), "", 0)
		b = AppendRecord(b, []byte(text), "e", 7)
		b = AppendRecord(b, []byte("last"), "", 0)
		all, _ := parse(t, string(b))
		line := strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
		if len(all) != 3 || all[1] != (record{"e:7", line}) || all[0] != (record{"", "first"}) || all[2] != (record{"", "last"}) {
			t.Errorf("%q became %q", text, all)
		}
	})
}

package proto_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/proto"
)

const dataLimit = 8 << 10

// deep returns a value with depth levels.
func deep(depth int, open, end string) string {
	return `{"a":` + strings.Repeat(open, depth-1) + strings.Repeat(end, depth-1) + `}`
}

// dataRows are texts, the results, and the codes of the errors.
var dataRows = []struct{ name, text, want, code string }{
	{"empty", `{}`, `{}`, ""},
	{"white space", " { \"a\" :\t[ 1 ,\r\n2 ] , \"b\":{ } } ", `{"a":[1,2],"b":{}}`, ""},
	{"white space in strings", `{" a ":" b\n "}`, `{" a ":" b\n "}`, ""},
	{"numbers as written", `{"a":[1e999999,-0,0.10,12345678901234567890123456789,1E+2]}`, `{"a":[1e999999,-0,0.10,12345678901234567890123456789,1E+2]}`, ""},
	{"literals", `{"a":[true,false,null]}`, `{"a":[true,false,null]}`, ""},
	{"escapes stay", `{"\u0061\/":"\ud83d\ude00\u0000"}`, `{"\u0061\/":"\ud83d\ude00\u0000"}`, ""},
	{"for a page", "{\"<\":\"</script>\u2028\u2029\u202a\"}", `{"\u003c":"\u003c/script>\u2028\u2029` + "\u202a\"}", ""},
	{"the same key in two objects", `{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, `{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, ""},
	{"a value like a key", `{"a":"a","b":["a","b","b"]}`, `{"a":"a","b":["a","b","b"]}`, ""},
	{"32 deep", deep(32, `[`, `]`), deep(32, `[`, `]`), ""},
	{"32 deep in two places", `{"a":` + deep(31, `[`, `]`) + `,"b":` + deep(31, `[`, `]`) + `}`, `{"a":` + deep(31, `[`, `]`) + `,"b":` + deep(31, `[`, `]`) + `}`, ""},
	{"33 deep", deep(33, `[`, `]`), "", proto.CodeBadRequest},
	{"33 deep in objects", strings.Repeat(`{"a":`, 32) + `{}` + strings.Repeat(`}`, 32), "", proto.CodeBadRequest},
	{"a key twice", `{"a":1,"a":1}`, "", proto.CodeBadJSON},
	{"a key twice inside", `{"x":[1,{"b":{},"a":1,"c":[{"a":1}],"a":1}]}`, "", proto.CodeBadJSON},
	{"a key twice, escaped", `{"a":1,"\u0061":1}`, "", proto.CodeBadJSON},
	{"a key twice, both escaped", `{"\ud83d\ude00":1,"😀":1}`, "", proto.CodeBadJSON},
	{"empty keys", `{"":1,"":2}`, "", proto.CodeBadJSON},
	{"half of a surrogate pair", `{"a":"\ud800"}`, "", proto.CodeBadUTF8},
	{"half of a surrogate pair in a key", `{"\udc00":1}`, "", proto.CodeBadUTF8},
	{"an array", `[]`, "", proto.CodeBadRequest},
	{"null", `null`, "", proto.CodeBadRequest},
	{"a string", `"{}"`, "", proto.CodeBadRequest},
	{"a number", `1`, "", proto.CodeBadRequest},
	{"nothing", ``, "", proto.CodeBadJSON},
	{"cut", `{"a":`, "", proto.CodeBadJSON},
	{"two", `{}{}`, "", proto.CodeBadJSON},
	{"not UTF-8", "{\"a\":\"\xff\"}", "", proto.CodeBadJSON},
	{"the longest that is allowed", `{"a":"` + strings.Repeat("x", dataLimit-8) + `"}`, `{"a":"` + strings.Repeat("x", dataLimit-8) + `"}`, ""},
	{"too long only by white space", `{"a":` + strings.Repeat(" ", 2*dataLimit) + `1}`, `{"a":1}`, ""},
	{"longer than allowed only by escapes for HTML", `{"a":"` + strings.Repeat("<", dataLimit-8) + `"}`, `{"a":"` + strings.Repeat(`\u003c`, dataLimit-8) + `"}`, ""},
	{"a byte more", `{"a":"` + strings.Repeat("x", dataLimit-7) + `"}`, "", proto.CodeTooLong},
}

func TestCheckData(t *testing.T) {
	for _, row := range dataRows {
		t.Run(row.name, func(t *testing.T) {
			got, e := proto.CheckData([]byte(row.text), dataLimit)
			if string(got) != row.want {
				t.Errorf("%.80s, want %.80s", got, row.want)
			}
			if e == nil {
				e = &proto.Error{}
			}
			if e.Code != row.code {
				t.Errorf("%+v, want %s", e, row.code)
			}
			if len(got) > 64 && cap(got) > len(got)+len(got)/4 {
				t.Errorf("%d bytes in a slice of %d", len(got), cap(got))
			}
		})
	}
}

// FuzzCheckData compares the result with encoding/json.
func FuzzCheckData(f *testing.F) {
	for _, row := range dataRows {
		f.Add([]byte(row.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, e := proto.CheckData(text, dataLimit)
		if e == nil {
			if again, e := proto.CheckData(got, 6*dataLimit); e != nil || !bytes.Equal(again, got) {
				t.Fatalf("%q: %q, then %q, %v", text, got, again, e)
			}
			if !reflect.DeepEqual(tokens(text), tokens(got)) {
				t.Fatalf("%q: %q is another value", text, got)
			}
			if bytes.ContainsAny(got, "\n\r\t<\u2028\u2029") {
				t.Fatalf("%q: %q is not safe in HTML", text, got)
			}
		}
		if bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) {
			return // encoding/json replaces what chat refuses
		}
		if want := judge(text); want != (e == nil) {
			t.Fatalf("%q: %+v, but it should be %t", text, e, want)
		}
	})
}

// tokens returns the parts of JSON text.
func tokens(text []byte) (all []any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return all
		}
		all = append(all, token)
	}
}

// judge reports whether data may be the text.
func judge(text []byte) bool {
	var small bytes.Buffer
	if json.Compact(&small, text) != nil || small.Len() > dataLimit || small.Bytes()[0] != '{' || !bytes.Equal(bytes.ToValidUTF8(text, nil), text) {
		return false
	}
	d := json.NewDecoder(&small)
	d.UseNumber()
	type level struct {
		keys map[string]bool // nil for an array
		key  bool            // a key comes next
	}
	var in []*level
	for {
		token, err := d.Token()
		if err != nil {
			return err == io.EOF
		}
		top := func() *level {
			if len(in) == 0 {
				return &level{}
			}
			return in[len(in)-1]
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '}' || token == ']' {
				in = in[:len(in)-1]
				top().key = top().keys != nil
				continue
			}
			l := &level{}
			if token == '{' {
				l.keys, l.key = map[string]bool{}, true
			}
			if in = append(in, l); len(in) > proto.MaxDepth {
				return false
			}
			continue
		case string:
			if l := top(); l.key {
				if l.keys[token] {
					return false
				}
				l.keys[token], l.key = true, false
				continue
			}
		}
		top().key = top().keys != nil
	}
}

// TestCheckDataOfManyKeys uses 300,000 keys, which take no notable time. A comparison of all
// pairs of keys, which is quadratic, would not end before the test's timeout.
func TestCheckDataOfManyKeys(t *testing.T) {
	for _, format := range []string{`,"k%d":0`, `,"\u006b%d":{}`} {
		b := []byte(`{"x":0`)
		for i := range 300_000 {
			b = fmt.Appendf(b, format, i)
		}
		if _, e := proto.CheckData(append(b, '}'), 64<<20); e != nil {
			t.Error(e)
		}
	}
}

func BenchmarkCheckData(b *testing.B) {
	text := []byte(`{"kind":"attachment","url":"https://example.com/a.png","size":[640,480],"of":{"id":17,"name":"a.png"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, e := proto.CheckData(text, dataLimit); e != nil {
			b.Fatal(e)
		}
	}
}

// TestCheckKept checks that a result of CheckData is never too long. All other escapes count as
// written.
func TestCheckKept(t *testing.T) {
	for _, data := range []string{"{\"a\":\"<<\u2028\u2029<\"}", `{"<":"\\<\\"}`, `{"a":"\\u003c"}`, `{"a":"\\\\u2028<"}`, `{}`} {
		kept, e := proto.CheckData([]byte(data), len(data))
		if e != nil {
			t.Fatalf("%s: %v", data, e)
		}
		if again, e := proto.CheckKept(kept, len(data)); e != nil || string(again) != string(kept) {
			t.Errorf("%s: %s, %v", data, again, e)
		}
		if _, e := proto.CheckKept(kept, len(data)-1); e == nil {
			t.Errorf("%s: one byte too many is accepted", data)
		}
	}
	for _, data := range []string{`{"a":"\\u003c"}`, `{"a":"\u003d"}`, `{"a":"\u003C"}`} {
		if _, e := proto.CheckKept([]byte(data), len(data)-1); e == nil {
			t.Errorf("%s: an escape that CheckData never makes does not count", data)
		}
	}
	for _, bad := range []string{"", `{"a":"\u00"}`, `{"a":"\`, `[]`, "{\"a\":\"\xff\"}"} {
		if _, e := proto.CheckKept([]byte(bad), 100); e == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// answer is what a server says to a GET. path is escaped already.
func answer(t *testing.T, srv *chat.Server, path, query string) (int, string) {
	t.Helper()
	u := &url.URL{RawPath: path, RawQuery: query}
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, &http.Request{Method: "GET", URL: u, Host: "h", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}})
	if body := w.Body.String(); !json.Valid([]byte(body)) || !utf8.ValidString(body) {
		t.Fatalf("%s?%s: %d %q", path, query, w.Code, body)
	}
	return w.Code, w.Body.String()
}

// FuzzSince parses any text as a position, which the handshake must take or
// refuse as ParsePosition does.
func FuzzSince(f *testing.F) {
	for _, s := range []string{"", "abc:1", "a.b_c-d:9007199254740991", "abc:9007199254740992", "abc:-1", "abc:+1", ":1", "abc:", "é:1", "abc:00020", "abc:1:2", strings.Repeat("e", 64) + ":0"} {
		f.Add(s)
	}
	srv := chat.New(harness.Quiet)
	f.Cleanup(func() { srv.Close() })
	f.Fuzz(func(t *testing.T, s string) {
		p, err := chat.ParsePosition(s)
		status, _ := answer(t, srv, "/ws/r", url.Values{"since": {s}}.Encode())
		if err != nil {
			if p != (chat.Position{}) || status != 400 {
				t.Fatalf("%q: %v, %v, status %d", s, p, err, status)
			}
			return
		}
		if status != 426 || p.Offset >= 1<<53 || len(p.Epoch) > 64 {
			t.Fatalf("%q: %v, status %d", s, p, status)
		}
		if again, err := chat.ParsePosition(p.String()); again != p || err != nil {
			t.Fatalf("%q: %v, then %v, %v", s, p, again, err)
		}
		b, err := json.Marshal(p)
		var q chat.Position
		if err != nil || json.Unmarshal(b, &q) != nil || q != p {
			t.Fatalf("%q: %v as JSON is %s", s, p, b)
		}
	})
}

// FuzzPaging asks for history with any query. An answer holds what was asked for.
func FuzzPaging(f *testing.F) {
	for _, row := range pages {
		f.Add(row.query)
	}
	srv := chat.New(harness.Quiet, chat.WithHistory(40), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 40})))
	f.Cleanup(func() { srv.Close() })
	const last = 90
	for i := range last {
		if _, err := srv.Publish(context.Background(), "r", chat.Message{Text: fmt.Sprint(i + 1)}); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, query string) {
		status, body := answer(t, srv, "/rooms/r/messages", query)
		var page struct {
			Messages []harness.Object
			First    uint64
			More     bool
			Error    *struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		if status == 400 && page.Error != nil && page.Error.Code == "bad_request" {
			return
		}
		v, err := url.ParseQuery(query)
		if status != 200 || err != nil || page.First != last-39 || v.Has("before") && v.Has("after") {
			t.Fatalf("%q: %d %s", query, status, harness.Brief(body))
		}
		number := func(key string, missing uint64) uint64 {
			if !v.Has(key) {
				return missing
			}
			n, err := strconv.ParseUint(v.Get(key), 10, 53)
			if err != nil && !(key == "limit" && errors.Is(err, strconv.ErrRange)) {
				t.Fatalf("%q: %s was taken", query, key)
			}
			return n
		}
		limit, before, after := min(number("limit", 40), 100), number("before", last+1), number("after", 0)
		from, to := max(after+1, page.First), min(before, last+1) // what is there to get
		want := uint64(0)
		if to > from {
			want = min(limit, to-from)
		}
		begin := to - want
		if v.Has("after") {
			begin = from
		}
		more := want > 0 && to-from > want || want == 0 && limit == 0 && to > from
		if uint64(len(page.Messages)) != want || page.More != more {
			t.Fatalf("%q: %d messages, more %v; want %d, %v", query, len(page.Messages), page.More, want, more)
		}
		for i, m := range page.Messages {
			if m.Offset != begin+uint64(i) || m.Message != fmt.Sprint(m.Offset) {
				t.Fatalf("%q: message %d has offset %d, want %d", query, i, m.Offset, begin+uint64(i))
			}
		}
	})
}

// unseen reports whether r must not be in a name. Joiners and a flag's tags may be,
// in their places, and what is unassigned may be a new emoji.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Co) ||
		unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d' && (r < 0xe0061 || r > 0xe007f)
}

// FuzzNames puts any name to the rules. What they give is settled and shows.
func FuzzNames(f *testing.F) {
	for _, row := range names {
		if len(row.name) < 1000 {
			f.Add(row.name)
		}
	}
	srv := chat.New(harness.Quiet)
	f.Cleanup(func() { srv.Close() })
	f.Fuzz(func(t *testing.T, name string) {
		room, roomErr := chat.CleanRoom(name)
		user, userErr := chat.CleanUsername(name)
		for _, got := range []struct {
			rule func(string) (string, error)
			name string
			err  error
		}{{chat.CleanRoom, room, roomErr}, {chat.CleanUsername, user, userErr}} {
			if got.err != nil {
				if !errors.Is(got.err, chat.ErrBadName) || got.name != "" {
					t.Fatalf("%+q: %q, %v", name, got.name, got.err)
				}
				continue
			}
			if again, err := got.rule(got.name); again != got.name || err != nil {
				t.Fatalf("%+q: %+q, then %+q, %v", name, got.name, again, err)
			}
			if !utf8.ValidString(got.name) || utf8.RuneCountInString(got.name) > 64 || !norm.NFC.IsNormalString(got.name) ||
				strings.TrimSpace(got.name) != got.name || strings.ContainsFunc(got.name, unseen) {
				t.Fatalf("%+q: %+q", name, got.name)
			}
		}
		if roomErr == nil && (userErr != nil || user != room) {
			t.Fatalf("%+q: room %+q, user %+q, %v", name, room, user, userErr)
		}
		status, _ := answer(t, srv, "/ws/r", url.Values{"username": {name}}.Encode())
		if (status == 426) != (userErr == nil) || status != 426 && status != 400 {
			t.Fatalf("%+q: status %d, %v", name, status, userErr)
		}
		status, _ = answer(t, srv, "/rooms/"+url.PathEscape(name)+"/members", "")
		if (status == 200) != (roomErr == nil) || status != 200 && status != 400 {
			t.Fatalf("%+q: status %d, %v", name, status, roomErr)
		}
	})
}

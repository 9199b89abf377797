package hostile

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// vouching is an authenticator that takes the user and name of the query.
func vouching(r *http.Request) (chat.User, error) {
	q := r.URL.Query()
	return chat.User{ID: q.Get("as"), Name: q.Get("called")}, nil
}

// TestVouchedNames has names come with a login. They are shown, made safe, and never
// keep anybody out.
func TestVouchedNames(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithAuthenticator(vouching))
	w := harness.Dial(t, base, "r", true, "as", "watcher")
	w.Until("welcome")
	rows := []struct{ id, name, username, want string }{
		{"V1 65 letters", strings.Repeat("x", 65), "", strings.Repeat("x", 64)},
		{"V1 65 letters with marks", strings.Repeat("q\u0301", 65), "", strings.Repeat("q\u0301", 32)},
		{"V1 a family that does not fit", strings.Repeat("x", 60) + "👨\u200d👩\u200d👧\u200d👦", "", strings.Repeat("x", 60)},
		{"V1 60 KB", strings.Repeat("é", 15<<10), "", strings.Repeat("é", 64)},
		{"V2 override", "a\u202eb", "", "ab"},
		{"V2 isolates", "\u2067Alice\u2069", "", "Alice"},
		{"V2 tab and line break", "Anna\tMaria\r\n", "", "Anna Maria"},
		{"V2 zero-width", "ali\u200bce\ufeff", "", "alice"},
		{"V2 joiners that join", "علی\u200cرضا", "", "علی\u200cرضا"},
		{"V2 joiner that does not", "ali\u200dce", "", "alice"},
		{"V2 joined emoji", "👩🏽\u200d💻", "", "👩🏽\u200d💻"},
		{"V3 mixed scripts", "p\u0430ypal", "", "p\u0430ypal"},
		{"V3 each its word", "Олег (Oleg)", "", "Олег (Oleg)"},
		{"V4 not UTF-8", "a\xffb", "", "ab"},
		{"V5 marks", "Z" + strings.Repeat("\u0300", 500), "", "Z\u0300"},
		{"V6 nothing", "", "", "Anonymous"},
		{"V6 nothing to see", "\u200b\u3164\u202e \u2800", "", "Anonymous"},
		{"V6 nothing to see, and a parameter", "\u200b\u3164", "Bob", "Bob"},
		{"V6 the login's before the parameter", "Ann", "Bob", "Ann"},
	}
	for _, row := range rows {
		o := harness.Dial(t, base, "v", true, "as", "u", "called", row.name, "username", row.username).Until("welcome")
		if o.Username != row.want {
			t.Errorf("%s: %+q, want %+q", row.id, o.Username, row.want)
		}
	}
	// Others see it so, too.
	harness.Dial(t, base, "r", true, "as", "long", "called", strings.Repeat("x", 65)).Until("welcome")
	if o := w.Until("system"); o.Username != strings.Repeat("x", 64) {
		t.Errorf("others see %q", o.Username)
	}
	for _, row := range names {
		if len(row.name) > 1<<10 {
			continue // no request line is that long
		}
		o := harness.Dial(t, base, "v", true, "as", "u", "called", row.name).Until("welcome")
		if row.user != refused && o.Username != row.user {
			t.Errorf("%s: %+q, want %+q", row.id, o.Username, row.user)
		}
		if !utf8.ValidString(o.Username) || utf8.RuneCountInString(o.Username) > 64 || strings.ContainsFunc(o.Username, unseen) {
			t.Errorf("%s: shown as %+q", row.id, o.Username)
		}
	}
}

// TestVouchedNameAndRule has a rule of the server's own see the names of logins: it
// may write them another way.
func TestVouchedNameAndRule(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithAuthenticator(vouching), chat.WithUsernameRule(func(name string) (string, error) {
		if name == "none" {
			return "", nil
		}
		if strings.Contains(name, "bad") {
			return "", chat.ErrBadName
		}
		return strings.ToUpper(name), nil
	}))
	for name, want := range map[string]string{"ann\u202e": "ANN", "bad\u200b": "bad", "none": "Anonymous"} {
		if o := harness.Dial(t, base, "r", true, "as", "u", "called", name).Until("welcome"); o.Username != want {
			t.Errorf("%+q: %+q, want %+q", name, o.Username, want)
		}
	}
}

// TestVouchedIDs has the ids come with a login, which are no names: who has one that
// cannot be one is not let in, and not told why.
func TestVouchedIDs(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithAuthenticator(vouching))
	body := ""
	for _, row := range []struct {
		id, user string
		ok       bool
	}{
		{"J21 empty", "", false},
		{"J21 128 bytes", strings.Repeat("u", 128), true},
		{"J21 129 bytes", strings.Repeat("u", 129), false},
		{"J21 C1 control", "u\u0085", false},
		{"J21 not UTF-8", "u\xff", false},
		{"J21 another's kind", "anon-aaaaaaaaaaaaaaaa", false},
	} {
		c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake("/ws/r?as="+url.QueryEscape(row.user), harness.OfferV1), time.Now().Add(harness.Patience))
		if err != nil {
			t.Fatalf("%s: %v", row.id, err)
		}
		defer c.Close()
		if row.ok {
			if c.Response.StatusCode != 101 {
				t.Errorf("%s: %d %s", row.id, c.Response.StatusCode, c.Body)
			}
			continue
		}
		checkAnswer(t, httpRow{row.id, "", 401, "unauthorized", []string{"WWW-Authenticate"}}, c.Response, c.Body)
		if body == "" {
			body = c.Body
		}
		if c.Body != body {
			t.Errorf("%s: told %s, others %s", row.id, c.Body, body)
		}
	}
}

// TestRefusalsSayWhatToChange reads what who chooses a name is told.
func TestRefusalsSayWhatToChange(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t)
	for _, row := range []struct{ name, want string }{
		{"a\u202eb", "the username has U+202E (a right-to-left override), which does not show here: leave it out"},
		{"ali\u200bce", "the username has U+200B (a zero-width space), which does not show here: leave it out"},
		{"p\u0430ypal", "the username mixes letters of different scripts in one word: keep each word in one script"},
		{"1\u09ea", "the username mixes digits of different scripts in one word: keep to one kind"},
		{strings.Repeat("x", 65), "the username is longer than 64 characters: shorten it"},
		{"\u0301", "the username has a combining mark, U+0301, with no letter before it: put it after a letter or leave it out"},
		{"a\xff", "the username is not UTF-8"},
	} {
		status, body := harness.Get(t, base+"/ws/r?username="+url.QueryEscape(row.name))
		if want := `{"error":{"code":"bad_name","message":"` + row.want + `"}}`; status != 400 || strings.TrimSpace(body) != want {
			t.Errorf("%+q: %d %s, want %s", row.name, status, body, want)
		}
		status, body = harness.Get(t, base+"/rooms/"+url.PathEscape(row.name)+"/members")
		if want := `{"error":{"code":"bad_room","message":"` + strings.Replace(row.want, "username", "room's name", 1) + `"}}`; status != 400 || strings.TrimSpace(body) != want {
			t.Errorf("room %+q: %d %s, want %s", row.name, status, body, want)
		}
	}
}

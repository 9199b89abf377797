package docs

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestTranscripts sends what clients send in the sessions of docs/protocol.md, and compares the
// answers. Times, ids and epochs may differ, but equal ones must be equal again.
func TestTranscripts(t *testing.T) {
	page, err := os.ReadFile("../../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n```text\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		t.Errorf("%d transcripts", len(blocks))
	}
	for i, block := range blocks {
		want := strings.Split(strings.TrimSpace(block[1]), "\n")
		got := play(t, want)
		if diff := strings.Join(shape(got), "\n"); diff != strings.Join(shape(want), "\n") {
			for n := range want {
				if n >= len(got) || shape(got)[n] != shape(want)[n] {
					t.Errorf("line %d of transcript %d is\n%s\nbut the server sent\n%s", n+1, i+1, want[n], got[min(n, len(got)-1)])
					break
				}
			}
			t.Logf("the whole transcript:\n%s", strings.Join(got, "\n"))
		}
	}
}

// play plays a transcript against a server, and returns the actual transcript.
func play(t *testing.T, lines []string) (got []string) {
	t.Helper()
	srv, base := harness.Serve(t, harness.Quiet)
	peers, sessions := map[string]*harness.Peer{}, map[string]string{}
	held := map[string]string{}  // objects that came too early
	names := map[string]string{} // actual value to the transcript's value
	place := regexp.MustCompile(`"(?:user|session|position)":"([^":]+)`)
	for _, line := range lines {
		switch name, text, _ := strings.Cut(line, " "); {
		case strings.HasSuffix(line, "'s connection is lost"):
			before := srv.Stats().Connections
			peers[strings.TrimSuffix(strings.TrimPrefix(line, "# "), "'s connection is lost")].Conn.CloseNow()
			// Otherwise the next connection of the user may be the second one.
			harness.Eventually(t, "the server to notice", func() bool { return srv.Stats().Connections < before })
		case strings.HasSuffix(line, " leaves"):
			peers[strings.TrimSuffix(strings.TrimPrefix(line, "# "), " leaves")].Conn.Close(1000, "")
		case name == "#":
			name, request, single := strings.Cut(text, ": GET /ws/general?")
			room := "general"
			if !single {
				name, request, _ = strings.Cut(text, ": GET /ws?")
				room = harness.Many
			}
			query, _, _ := strings.Cut(request, " ")
			q, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			params := []string{"username", q.Get("username"), "session", sessions[name]}
			if epoch, offset, ok := strings.Cut(q.Get("since"), ":"); ok {
				params = append(params, "since", names[epoch]+":"+offset)
			}
			peers[name] = harness.Dial(t, base, room, true, params...)
		case strings.HasPrefix(strings.TrimSpace(text), ">"):
			text = strings.TrimSpace(text)[2:]
			for theirs, ours := range names {
				text = strings.ReplaceAll(text, theirs, ours)
			}
			peers[name].Send(text)
		default:
			want := strings.TrimSpace(text)[2:]
			if peers[name] == nil {
				room := "general"
				if typeOf(want) == "hello" {
					room = harness.Many
				}
				peers[name] = harness.Dial(t, base, room, true, "username", strings.ToUpper(name[:1])+name[1:])
			}
			o := held[name]
			if held[name] = ""; o == "" || typeOf(o) != typeOf(want) {
				next := peers[name].Text()
				if held[name] = o; o == "" && typeOf(next) != typeOf(want) && (typeOf(next) == "ack" || typeOf(want) == "ack") {
					held[name], next = next, peers[name].Text() // the two objects may come in any order
				}
				o = next
			}
			if typ := typeOf(o); typ == "welcome" || typ == "hello" {
				sessions[name] = strings.Trim(harness.Value(t, o, "session"), `"`)
			}
			theirs, ours := place.FindAllStringSubmatch(want, -1), place.FindAllStringSubmatch(o, -1)
			for i := range theirs {
				if i < len(ours) {
					names[theirs[i][1]] = ours[i][1]
				}
			}
			got = append(got, fmt.Sprintf("%-5s < %s", name, o))
			continue
		}
		got = append(got, line)
	}
	return got
}

// typeOf returns the type of an object, which is its first key.
func typeOf(object string) string {
	typ, _, _ := strings.Cut(strings.TrimPrefix(object, `{"type":"`), `"`)
	return typ
}

// shape replaces each id, session, epoch and time in lines by a number, which says where it
// first occurs.
func shape(lines []string) (out []string) {
	any := regexp.MustCompile(`"\d{4}-\d\d-\d\dT[\d:.]+Z"|anon-\w{16}|"session":"[^"]+"|\b[a-z0-9]{16}-\d+\b`)
	numbers := map[string]string{}
	for _, line := range lines {
		if strings.Contains(line, " < ") {
			line = any.ReplaceAllStringFunc(line, func(s string) string {
				if strings.HasPrefix(s, `"2`) {
					return `"TIME"`
				}
				if numbers[s] == "" {
					numbers[s] = fmt.Sprint("#", len(numbers))
				}
				return numbers[s]
			})
		} else {
			line = any.ReplaceAllString(line, "#")
		}
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return out
}

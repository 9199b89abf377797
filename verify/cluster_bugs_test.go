//go:build unix

package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// planted returns log with a defect.
func planted(defect string, log chatlog.Log) chatlog.Log {
	if defect == "" {
		return log
	}
	return &defectiveNode{log, defect}
}

// defectiveNode is a log with a defect, as seen by one server.
type defectiveNode struct {
	chatlog.Log
	defect string
}

const (
	leavesKept = "leaves do not reach the log"
	ghosts     = "a user is present who never entered"
)

func (l *defectiveNode) Leave(ctx context.Context, server, room, userID string) (bool, error) {
	if l.defect == leavesKept {
		return true, nil
	}
	return l.Log.Leave(ctx, server, room, userID)
}

func (l *defectiveNode) Enter(ctx context.Context, server, room string, m chatlog.Member) (bool, error) {
	if l.defect == ghosts {
		l.Log.Enter(ctx, server, room, chatlog.Member{UserID: "ghost", Username: "ghost", Connections: 1})
	}
	return l.Log.Enter(ctx, server, room, m)
}

var (
	offsetOf   = regexp.MustCompile(`"offset":(\d+)`)
	positionOf = regexp.MustCompile(`"position":"([^"]*):(\d+)"`)
)

// later returns an object with a larger offset.
func later(b []byte, by int) []byte {
	return offsetOf.ReplaceAllFunc(b, func(s []byte) []byte {
		n, _ := strconv.Atoi(string(s[len(`"offset":`):]))
		return fmt.Appendf(nil, `"offset":%d`, n+by)
	})
}

// offsetIn returns the offset of an object.
func offsetIn(b []byte) (n uint64) {
	fmt.Sscanf(string(offsetOf.Find(b)), `"offset":%d`, &n)
	return n
}

// is reports whether b is an object of a type.
func is(b []byte, typ string) bool { return bytes.HasPrefix(b, []byte(`{"type":"`+typ+`"`)) }

// defects change the objects that a server sends to a client. nth counts the objects of one
// connection that a defect may change.
var defects = []struct {
	name string
	sign string // a part of the expected finding
	do   func(v *visit, nth *int, b []byte) [][]byte
}{
	{"a leave does not arrive", "keeps a list", func(v *visit, nth *int, b []byte) [][]byte {
		if bytes.Contains(b, []byte(`"event":"leave"`)) {
			return nil
		}
		return [][]byte{b}
	}},
	{"a notice comes twice", "who is in its list", func(v *visit, nth *int, b []byte) [][]byte {
		if *nth++; is(b, "system") && *nth%5 == 0 {
			return [][]byte{b, b}
		}
		return [][]byte{b}
	}},
	{"an offset is used twice in one epoch", "the same process has told", func(v *visit, nth *int, b []byte) [][]byte {
		if *nth++; is(b, "message") && *nth%10 == 0 {
			return [][]byte{later(b, 1)}
		}
		return [][]byte{b}
	}},
	{"a message comes twice", "comes after", func(v *visit, nth *int, b []byte) [][]byte {
		if *nth++; is(b, "message") && *nth%20 == 0 {
			return [][]byte{b, b}
		}
		return [][]byte{b}
	}},
	{"resumed with a hole", "resumed true", func(v *visit, nth *int, b []byte) [][]byte {
		if is(b, "message") && v.resumed {
			if *nth++; *nth == 1 {
				return nil
			}
		}
		return [][]byte{b}
	}},
	{"an ack with a wrong offset", "was acknowledged", func(v *visit, nth *int, b []byte) [][]byte {
		if *nth++; is(b, "ack") && *nth%5 == 0 {
			return [][]byte{later(b, 3)}
		}
		return [][]byte{b}
	}},
	{"a gap without a welcome that says so", "is resumed at", func(v *visit, nth *int, b []byte) [][]byte {
		if is(b, "welcome") && v.since != nil {
			return [][]byte{positionOf.ReplaceAll(b, []byte(`"position":"other:$2"`))}
		}
		return [][]byte{b}
	}},
	{"a delete does not arrive", "is no longer there", func(v *visit, nth *int, b []byte) [][]byte {
		if is(b, "delete") {
			v.move(offsetIn(b), 0)
			return nil
		}
		return [][]byte{b}
	}},
	{"a reaction comes twice, with two offsets", "changes nothing", func(v *visit, nth *int, b []byte) [][]byte {
		if is(b, "reaction") {
			return [][]byte{b, later(b, 1)}
		}
		return [][]byte{b}
	}},
	{"an edit comes with another text", "instead of", func(v *visit, nth *int, b []byte) [][]byte {
		if is(b, "edit") {
			return [][]byte{bytes.Replace(b, []byte(` edit"`), []byte(` odd"`), 1)}
		}
		return [][]byte{b}
	}},
	{"a fault of the log is reported as the client's error", "an error", func(v *visit, nth *int, b []byte) [][]byte {
		if *nth++; is(b, "ack") && *nth%5 == 0 {
			var o wireObject
			json.Unmarshal(b, &o)
			return [][]byte{fmt.Appendf(nil, `{"type":"error","code":"rate_limited","message":"","id":%q}`, o.ID)}
		}
		return [][]byte{b}
	}},
}

// TestClusterFindsBugs plants defects in a server or in the objects that it sends. The test must
// find each of them.
func TestClusterFindsBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	t.Parallel()
	e := startRedis(t)
	c := logConfig{Redis: e.dir + "/s"}
	run := func(t *testing.T, name, sign, plant string, do func(*visit, []byte) [][]byte) {
		t.Parallel()
		r := newClusterRun(t, 1, strings.ReplaceAll(name, " ", "-"), 1, 12)
		r.log, r.plant = e.logs[0], do
		for i := range 2 {
			r.nodes = append(r.nodes, newNode(r, i, c, plant))
		}
		patience := 4 * time.Second
		if sign == "" {
			patience = time.Minute // the lists must be right within this time
		}
		found := r.live(func() { r.wait(4 * time.Second) }, patience)
		switch f := first(found, sign); {
		case sign == "" && len(found) > 0:
			t.Errorf("findings without a defect: %v", found)
		case sign != "" && f == "":
			t.Errorf("the defect was not found; findings: %v", found)
		default:
			t.Log("found:", f)
		}
	}
	t.Run("none", func(t *testing.T) { run(t, "none", "", "", nil) })
	for _, d := range []string{leavesKept, ghosts} {
		t.Run(d, func(t *testing.T) { run(t, d, "server 0 lists", d, nil) })
	}
	for _, d := range defects {
		t.Run(d.name, func(t *testing.T) {
			counts := map[*visit]*int{}
			var mu sync.Mutex
			run(t, d.name, d.sign, "", func(v *visit, b []byte) [][]byte {
				mu.Lock()
				n := counts[v]
				if n == nil {
					n = new(int)
					counts[v] = n
				}
				mu.Unlock()
				return d.do(v, n, b)
			})
		})
	}
}

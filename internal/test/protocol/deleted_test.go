package protocol

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// searchedChild makes the test binary the servers whose memory is searched.
const searchedChild = "CHAT_TEST_SEARCHED"

// TestSearchedServers is no test of its own: TestDeletedIsInNoMemory runs it as another process.
func TestSearchedServers(*testing.T) {
	if os.Getenv(searchedChild) == "" {
		return
	}
	shared, packs := chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{})), chat.WithCompression(true)
	for _, opts := range [][]chat.Option{{packs}, {packs, shared}, {packs, shared}, {}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go http.Serve(l, chat.New(opts...)) // ends with the process
		fmt.Println(l.Addr())
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		collections, name, _ := strings.Cut(in.Text(), " ")
		f, err := os.Create(name)
		if err != nil {
			panic(err)
		}
		for range len(collections) {
			runtime.GC()
		}
		debug.WriteHeapDump(f.Fd())
		f.Close()
		fmt.Println("dumped")
	}
}

// searched is the other process.
type searched struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Scanner
	addrs []string
	dump  string
}

func startSearched(t *testing.T) *searched {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe, "-test.run=^TestSearchedServers$", "-test.timeout=2m")
	child.Env = append(os.Environ(), searchedChild+"=1")
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	s := &searched{t: t, in: in, out: bufio.NewScanner(out), dump: filepath.Join(t.TempDir(), "heap")}
	for range 4 {
		s.addrs = append(s.addrs, s.line())
	}
	return s
}

func (s *searched) line() string {
	s.t.Helper()
	if !s.out.Scan() {
		s.t.Fatal("the servers have ended")
	}
	return s.out.Text()
}

// find returns which of the needles are in the servers' memory, after as many collections of
// garbage as collections is long.
func (s *searched) find(collections string, needles []string) []string {
	s.t.Helper()
	fmt.Fprintln(s.in, collections, s.dump)
	s.line()
	b, err := os.ReadFile(s.dump)
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Clone(needles), func(n string) bool { return !bytes.Contains(b, []byte(n)) })
}

// A talker is a connection to one of the servers.
type talker struct {
	*wsconf.Conn
	t      *testing.T
	packed bool
}

// dial joins the room r in one of the dialects, with compression or without.
func (s *searched) dial(addr string, v1, packed bool) *talker {
	s.t.Helper()
	var headers []string
	if v1 {
		headers = append(headers, "Sec-WebSocket-Protocol: chat.v1")
	}
	if packed {
		headers = append(headers, "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover")
	}
	c, err := wsconf.Dial(addr, wsconf.Handshake("/ws/r", headers...), time.Now().Add(30*time.Second))
	if err != nil || c.Response.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("%+v, %v", c, err)
	}
	s.t.Cleanup(func() { c.Close() })
	return &talker{c, s.t, packed}
}

// until reads to the first object that contains what.
func (c *talker) until(what string) string {
	c.t.Helper()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			c.t.Fatalf("before %s comes %v", what, err)
		}
		if text, err := f.Text(); err != nil || strings.Contains(text, what) {
			return text
		}
	}
}

// do sends an object and returns the offset that it is acknowledged with.
func (c *talker) do(object string, args ...any) (offset uint64) {
	c.t.Helper()
	object = fmt.Sprintf(object, args...)
	if c.packed {
		c.Write(wsconf.Frame(wsconf.Fin|wsconf.Text|wsconf.RSV1, wsconf.Deflate(object)))
	} else {
		c.Write(wsconf.Frame(wsconf.Fin|wsconf.Text, object))
	}
	ack := c.until(`"id":"` + object[strings.Index(object, `"id":"`)+6:len(object)-1])
	for !strings.Contains(ack, `"type":"ack"`) {
		ack = c.until(`{"type":"ack"`)
	}
	var got struct{ Offset uint64 }
	if err := json.Unmarshal([]byte(ack), &got); err != nil || got.Offset == 0 {
		c.t.Fatalf("%s is answered %s", object, ack)
	}
	return got.Offset
}

// TestDeletedIsInNoMemory: when a deletion is acknowledged, the text, the data, the edits
// and the reactions of the message are in no memory of the servers that have seen it. The
// servers are another process, because this one knows what it looks for.
func TestDeletedIsInNoMemory(t *testing.T) {
	t.Parallel()
	s := startSearched(t)
	for _, test := range []struct {
		name          string
		sender, other int // the servers
		packed        bool
		// An x for each collection of garbage. The first leaves what pools have, of which
		// those of compressors are not emptied otherwise.
		collections string
	}{
		{"one server", 0, 0, false, "xx"},
		{"one server, compressed", 0, 0, true, "xx"},
		{"two servers", 1, 2, false, "xx"},
		{"two servers, compressed", 2, 1, true, "xx"},
		{"one server, compression off", 3, 3, false, "x"},
	} {
		sender := s.dial(s.addrs[test.sender], true, test.packed)
		var idle []*talker
		for i := range 8 {
			addr := s.addrs[[]int{test.sender, test.other}[i&1]]
			idle = append(idle, s.dial(addr, i&2 == 0, i&4 == 0 && test.collections == "xx"))
		}
		needle := func(of string) string { return fmt.Sprintf("%s%016x%016x", of, rand.Uint64(), rand.Uint64()) }
		text, data, edited, changed, given := needle("text"), needle("data"), needle("edited"), needle("changed"), needle("given")[:24]
		needles := []string{text, data, edited, changed, given}
		sender.do(`{"type":"message","message":"before","id":"1"}`)
		target := sender.do(`{"type":"message","message":%q,"data":{"k":%q},"id":"2"}`, text, data)
		sender.do(`{"type":"message","message":"after","id":"3"}`)
		sender.do(`{"type":"edit","target":%d,"message":%q,"data":{"k":%q},"id":"4"}`, target, edited, changed)
		sender.do(`{"type":"reaction","target":%d,"reaction":%q,"id":"5"}`, target, ":"+given+":")
		if there := s.find("", needles); len(there) != len(needles) {
			t.Errorf("%s: only %q are found before the deletion, of %q", test.name, there, needles)
		}
		sender.Write(wsconf.Frame(wsconf.Fin|wsconf.Text, `{"type":"history"}`))
		sender.until(`"type":"history"`)
		sender.do(`{"type":"delete","target":%d,"id":"6"}`, target)
		sender.do(`{"type":"message","message":"last","id":"7"}`)
		for _, c := range idle {
			c.until(`"last"`)
		}
		if there := s.find(test.collections, needles); len(there) != 0 {
			t.Errorf("%s: %q are still in memory", test.name, there)
		}
		if late := s.dial(s.addrs[test.other], true, false).until(`"last"`); strings.Contains(late, text) {
			t.Errorf("%s: who joins gets %s", test.name, late)
		}
	}
}

// TestDeletedWhileJoining deletes a message while a client joins that the server is about to
// send it to: it is not sent, whether the client resumes or not.
func TestDeletedWhileJoining(t *testing.T) {
	t.Parallel()
	for _, resumes := range []bool{false, true} {
		l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{})}
		l.Set("")
		k := newTalk(t, harness.Quiet, chat.WithLog(l))
		_, welcome := k.join()
		var since []string
		if resumes {
			since = []string{"since", welcome.Position}
		}
		harness.Publish(t, k.srv, "r", "other")
		harness.Publish(t, k.srv, "r", "secret")
		l.Wrong = func() { // the server looks into the log for what the welcome says
			if _, err := k.srv.Delete(t.Context(), "r", 2, chat.By{UserID: "mod", Moderator: true}); err != nil {
				t.Error(err)
			}
			l.Set("")
		}
		l.Set("Unread")
		p := harness.Dial(t, k.base, "r", true, since...)
		if w := p.Until("welcome"); w.Resumed != resumes {
			t.Errorf("%+v", w)
		}
		hears(p, "message 1 other", "delete 3 of 2")
	}
}

package rooms

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// heapChild makes the test binary the servers whose memory is searched.
const heapChild = "CHAT_TEST_HEAP_CHILD"

// heapClient is a connection of the child: what it sends is published, and acknowledged.
type heapClient struct {
	set    *Set
	conn   wsconn.Conn
	member Member
}

func (c *heapClient) Greet(*Greeting) []byte {
	return wsconn.AppendText(nil, []byte(`{"type":"welcome"}`))
}

func (c *heapClient) Handle(text []byte) {
	var e chatlog.Event
	if err := json.Unmarshal(text, &e); err != nil {
		panic(err)
	}
	e.UserID, e.Username = c.member.User, "name"

	if e.Amends() {
		e, _, err := c.set.Amend(c.set.Context(), "r", e, false)
		c.ack(e, err)
		return
	}
	e, _, err := c.set.Publish(c.set.Context(), "r", e)
	c.ack(e, err)
}

func (c *heapClient) ack(e chatlog.Event, err error) {
	c.conn.Send(fmt.Appendf(nil, `{"type":"ack","offset":%d,"error":%q}`, e.Offset, fmt.Sprint(err)))
}

// TestHeapChild is no test of its own: it is what TestDeletedIsInNoMemory runs as another process.
func TestHeapChild(t *testing.T) {
	if os.Getenv(heapChild) == "" {
		return
	}
	var panics atomic.Uint64
	shared := memlog.New(50, 1<<20, time.Hour)
	var addrs []any
	pack := map[int]func([]byte) []byte{0: wsconn.Deflate, 1: wsconn.Deflate, 2: wsconn.Deflate}
	for i, log := range []*memlog.Log{memlog.New(50, 1<<20, time.Hour), shared, shared, memlog.New(50, 1<<20, time.Hour)} {
		set := New(Config{
			Log: log, Local: i == 0, Pack: pack[i],
			Limits: Limits{History: 50, Resume: 256, Lag: 1 << 20, Rooms: 10, Presence: -1},
			Times:  Times{Log: time.Minute, PingInterval: time.Hour, PingTimeout: time.Hour},
			Logger: logging.New(slog.New(slog.DiscardHandler), &panics),
			Sweep:  func() {}, Control: func(chatlog.Event) {},
		})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, l.Addr())
		cfg := &wsconn.Config{Clock: set.Clock, ReadLimit: 1 << 20, WriteTimeout: time.Minute}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				kind := make([]byte, 2) // the dialect and the encoding
				io.ReadFull(conn, kind)
				c := &heapClient{set: set}
				deflate := kind[1] == 'z'
				c.conn.Init(cfg, &c.member, c, deflate)
				j := Joining{Conn: &c.conn, Greeter: c, UserID: "u", V1: kind[0] == '1', Deflate: deflate}
				if err := set.Join(set.Context(), "r", &c.member, j); err != nil {
					panic(err)
				}
				c.conn.Attach(conn, nil)
				if err := c.conn.Open(nil); err == nil {
					go c.conn.Read()
				}
			}
		}()
	}
	fmt.Println(addrs...)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		collections, name, _ := strings.Cut(in.Text(), " ")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		for range len(collections) {
			runtime.GC()
		}
		debug.WriteHeapDump(f.Fd())
		f.Close()
		fmt.Println("dumped")
	}
}

// heapPeer is the test's end of a connection of the child.
type heapPeer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	z    bool
}

func dialHeap(t *testing.T, addr, kind string) *heapPeer {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	io.WriteString(c, kind)
	p := &heapPeer{t, c, bufio.NewReader(c), kind[1] == 'z'}
	p.until(`"welcome"`)
	return p
}

// send sends an object, compressed if that was agreed on, and returns the acknowledged offset.
func (p *heapPeer) send(object string) (offset int) {
	p.t.Helper()
	first := byte(wsconn.FinBit | wsconn.OpText)
	b := []byte(object)
	if p.z {
		var z bytes.Buffer
		w, _ := flate.NewWriter(&z, flate.BestCompression)
		w.Write(b)
		w.Flush()
		b, first = bytes.TrimSuffix(z.Bytes(), []byte("\x00\x00\xff\xff")), first|wsconn.RSV1Bit
	}
	mask := [4]byte{1, 2, 3, 4}
	frame := []byte{first, 0x80 | 126, byte(len(b) >> 8), byte(len(b)), 1, 2, 3, 4}
	if len(b) < 126 {
		frame = []byte{first, 0x80 | byte(len(b)), 1, 2, 3, 4}
	}
	for i := range b {
		frame = append(frame, b[i]^mask[i%4])
	}
	p.conn.Write(frame)
	ack := p.until(`"ack"`)
	if _, err := fmt.Sscanf(ack, `{"type":"ack","offset":%d,"error":"<nil>"}`, &offset); err != nil {
		p.t.Fatalf("%s is answered %s", object, ack)
	}
	return offset
}

// until reads to the first object that contains what.
func (p *heapPeer) until(what string) string {
	p.t.Helper()
	for {
		var h [2]byte
		if _, err := io.ReadFull(p.r, h[:]); err != nil {
			p.t.Fatalf("before %s comes %v", what, err)
		}
		n := int(h[1])
		if n == 126 {
			var l [2]byte
			io.ReadFull(p.r, l[:])
			n = int(binary.BigEndian.Uint16(l[:]))
		}
		b := make([]byte, n)
		io.ReadFull(p.r, b)
		if h[0]&wsconn.RSV1Bit != 0 {
			b, _ = io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(b), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
		}
		if bytes.Contains(b, []byte(what)) {
			return string(b)
		}
	}
}

// TestDeletedIsInNoMemory: when a deletion is acknowledged, the text, the data, the edits
// and the reactions of the message are in no memory of the servers that have seen it. The
// servers are another process, because this one knows what it looks for.
func TestDeletedIsInNoMemory(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe, "-test.run=^TestHeapChild$", "-test.timeout=2m")
	child.Env = append(os.Environ(), heapChild+"=1")
	child.Stderr = os.Stderr
	in, _ := child.StdinPipe()
	out, _ := child.StdoutPipe()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		child.Process.Kill()
		child.Wait()
	}()
	lines := bufio.NewScanner(out)
	lines.Scan()
	addrs := strings.Fields(lines.Text())
	if len(addrs) != 4 {
		t.Fatalf("the child says %q", lines.Text())
	}
	dir := t.TempDir()
	found := func(collections string, needles []string) (all []string) {
		t.Helper()
		name := filepath.Join(dir, "heap")
		fmt.Fprintln(in, collections, name)
		if !lines.Scan() {
			t.Fatal("the child has ended")
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range needles {
			if bytes.Contains(b, []byte(n)) {
				all = append(all, n)
			}
		}
		return all
	}
	for _, test := range []struct {
		name          string
		sender, other string // servers
		kind          string
		// An x for each collection of garbage. The first leaves what pools have, of which
		// those with compressors are not emptied otherwise.
		collections string
	}{
		{"one server", addrs[0], addrs[0], "1-", "xx"},
		{"one server, compressed", addrs[0], addrs[0], "1z", "xx"},
		{"two servers", addrs[1], addrs[2], "1-", "xx"},
		{"two servers, compressed", addrs[2], addrs[1], "1z", "xx"},
		{"one server, compression off", addrs[3], addrs[3], "1-", "x"},
	} {
		sender := dialHeap(t, test.sender, test.kind)
		var idle []*heapPeer
		for _, kind := range []string{"1-", "1z", "p-", "pz"} {
			if test.sender == addrs[3] {
				kind = kind[:1] + "-"
			}
			idle = append(idle, dialHeap(t, test.sender, kind), dialHeap(t, test.other, kind))
		}
		needle := func(of string) string { return fmt.Sprintf("%s%016x%016x", of, rand.Uint64(), rand.Uint64()) }
		text, data, edited, changed, given := needle("text"), needle("data"), needle("edited"), needle("changed"), needle("given")[:24]
		needles := []string{text, data, edited, changed, given}
		sender.send(`{"type":"message","message":"before"}`)
		target := sender.send(fmt.Sprintf(`{"type":"message","message":%q,"data":{"k":%q},"id":%q}`, text, data, needle("m")))
		sender.send(`{"type":"message","message":"after"}`)
		sender.send(fmt.Sprintf(`{"type":"edit","target":%d,"message":%q,"data":{"k":%q}}`, target, edited, changed))
		sender.send(fmt.Sprintf(`{"type":"reaction","target":%d,"reaction":%q}`, target, ":"+given+":"))
		if there := found(test.collections, needles); len(there) != len(needles) {
			t.Errorf("%s: only %q are found before the deletion, of %q", test.name, there, needles)
		}
		sender.send(fmt.Sprintf(`{"type":"delete","target":%d}`, target))
		sender.send(`{"type":"message","message":"last"}`)
		for _, p := range idle {
			p.until(`"last"`)
		}
		if there := found(test.collections, needles); len(there) != 0 {
			t.Errorf("%s: %q are still in memory", test.name, there)
		}
	}
}

//go:build load

package load

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// TestLoadRooms compares what users cost who are in one room each with what they cost in
// many over one connection: the further rooms share what is the connection's. What the rooms
// hold for resuming does not count: it is there once, however many users there are.
func TestLoadRooms(t *testing.T) {
	const (
		users = 2000
		rooms = 50  // of each user
		size  = 100 // users in each room
	)
	if addr := os.Getenv("CHAT_LOAD_ADDR"); addr != "" {
		serveHeap(t, addr)
		return
	}
	one, many := costOfRooms(t, users, 1, size), costOfRooms(t, users, rooms, size)
	t.Logf("a user in a room costs %d bytes, in %d rooms of %d users %d: %d for each further one", one, rooms, size, many, (many-one)/(rooms-1))
	if most := one*13/10 + 600*(rooms-1); many > most {
		t.Errorf("more than %d", most)
	}
}

// serveHeap serves a chat, and says at /heap what the process holds, apart from the streams
// of rooms, and how many members there are.
func serveHeap(t *testing.T, addr string) {
	runtime.MemProfileRate = 1
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := chat.New(harness.Quiet, chat.WithPresenceSize(1), chat.WithHistory(0))
	mux := http.NewServeMux()
	mux.Handle("/", srv)
	mux.HandleFunc("/heap", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		runtime.GC() // the profile is as of the cycle before the last
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintln(w, int64(m.HeapAlloc+m.StackInuse)-inStreams(), srv.Stats().Members)
	})
	fmt.Printf("addr=%s\n", l.Addr())
	http.Serve(l, mux) // until the process is killed
}

// inStreams returns the bytes in use that streams have allocated.
func inStreams() (n int64) {
	all := make([]runtime.MemProfileRecord, 100_000)
	found, _ := runtime.MemProfile(all, false)
	for i := range all[:found] {
		frames := runtime.CallersFrames(all[i].Stack())
		for f, more := frames.Next(); more; f, more = frames.Next() {
			if strings.Contains(f.Function, "/internal/stream.") || strings.HasSuffix(f.Function, "rooms.audienceOf") {
				n += all[i].InUseBytes()
				break
			}
		}
	}
	return n
}

// costOfRooms returns the bytes that each of so many users costs, who are in so many rooms.
func costOfRooms(t *testing.T, users, rooms, size int) int {
	t.Helper()
	server := startServing(t, "TestLoadRooms", "127.0.0.1:0")
	members := 0
	heap := func() (n int) {
		_, body := harness.Get(t, "http://"+server.addr+"/heap")
		fmt.Sscan(body, &n, &members)
		return n
	}
	before := heap()
	var wg sync.WaitGroup
	var conns []*wsconf.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
		wg.Wait()
	}()
	for i := range users {
		names := make([]string, rooms)
		for r := range names {
			names[r] = fmt.Sprintf(`"room %d":""`, i/size*rooms+r)
		}
		path, say := "/ws", `{"type":"join","rooms":{`+strings.Join(names, ",")+`}}`
		if rooms == 1 {
			path, say = fmt.Sprint("/ws/room", i/size), `{"type":"ping"}`
		}
		c, err := wsconf.Dial(server.addr, wsconf.Handshake(path, harness.OfferV1), time.Now().Add(10*harness.Patience))
		if err != nil || c.Response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, %v", c, err)
		}
		conns = append(conns, c)
		harness.RawWrite(c, fr(finText, say), 0)
		joined := make(chan bool)
		wg.Go(func() {
			for n := 0; ; {
				f, err := c.ReadFrame()
				switch {
				case err != nil:
					return
				case f.Opcode() == wsconf.Ping:
					c.Write(fr(finPong, string(f.Payload)))
				case strings.HasPrefix(string(f.Payload), `{"type":"welcome"`):
					if n++; n == rooms {
						close(joined)
					}
				}
			}
		})
		<-joined
	}
	last := 0
	harness.Eventually(t, "the heap to be at rest", func() bool {
		time.Sleep(time.Second)
		now := heap()
		still := now < last+last/500 && now > last-last/500
		last = now
		return still && members == users*rooms
	})
	return (last - before) / users
}

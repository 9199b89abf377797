package wsconn

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// busy is a Source that has nothing, and a Handler.
type busy struct {
	begin time.Duration // how long Begin takes
}

func (s busy) Begin()             { time.Sleep(s.begin) }
func (busy) Next() ([]byte, Then) { return nil, Park }
func (busy) Fetch()               {}
func (busy) Owes() bool           { return false }
func (busy) Rest() []byte         { return nil }
func (busy) Handle([]byte)        {}

// closed closes a connection without buffers that has queued bytes to write first, whose
// peer takes them at a piece of the given size every pause, and then the close frame, and
// answers after wait. It returns whether the peer saw the frame, and how long it all took.
func closed(writeTimeout, begin time.Duration, queued, size int, pause, wait time.Duration) (saw bool, took time.Duration) {
	conn, peer := net.Pipe()
	defer peer.Close()
	start := time.Now()
	c := new(Conn)
	s := busy{begin}
	c.Init(&Config{Clock: func() time.Duration { return time.Since(start) }, ReadLimit: 1 << 10, WriteTimeout: writeTimeout}, s, s, false)
	c.Attach(conn, nil)
	go c.drain()
	finished := make(chan struct{})
	go func() {
		c.Read()
		c.Finish()
		close(finished)
	}()
	if queued > 0 {
		c.Queue(bytes.Repeat([]byte{FinBit | opPong, 0}, queued/2))
	}
	synctest.Wait()
	c.Close(1000, "bye")
	go func() {
		want := appendClose(nil, 1000, "bye")
		for left := queued; left > 0; left -= size {
			time.Sleep(pause)
			if _, err := io.CopyN(io.Discard, peer, int64(min(left, size))); err != nil {
				return
			}
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, want) {
			return
		}
		saw = true
		time.Sleep(wait)
		peer.Write([]byte{FinBit | opClose, maskBit | 2, 0, 0, 0, 0, 1000 >> 8, 1000 & 0xff})
	}()
	<-finished
	took = time.Since(start)
	time.Sleep(2 * time.Hour)
	synctest.Wait() // everybody has ended
	return saw, took
}

// TestTimeToAnswer closes connections on which the close frame is not the next thing to be
// written. The time to answer begins with the frame, and who does not read has no more.
func TestTimeToAnswer(t *testing.T) {
	const limit = 10 * time.Second
	for _, test := range []struct {
		name        string
		limit       time.Duration
		begin       time.Duration
		queued      int
		size        int
		pause, wait time.Duration
		saw         bool
		took        time.Duration
	}{
		{"nothing before it", limit, 0, 0, 0, 0, 1900 * time.Millisecond, true, 1900 * time.Millisecond},
		{"much before it", limit, 0, 5 * Piece, Piece, 1500 * time.Millisecond, 1900 * time.Millisecond, true, 9400 * time.Millisecond},
		{"nobody came to writing", limit, 8 * time.Second, 0, 0, 0, 1900 * time.Millisecond, true, 9900 * time.Millisecond},
		{"the answer late", limit, 0, 0, 0, 0, time.Hour, true, CloseTimeout},
		{"nobody reads", limit, 0, 5 * Piece, Piece, time.Hour, 0, false, CloseTimeout},
		{"a slow reader", limit, 0, 50 * Piece, Piece, 1900 * time.Millisecond, 0, false, limit},
		{"nobody reads, no limit", 0, 0, 5 * Piece, Piece, time.Hour, 0, false, CloseTimeout},
		{"no limit, nobody came to writing", 0, 1900 * time.Millisecond, 0, 0, 0, time.Hour, true, 3900 * time.Millisecond},
		{"never written", limit, time.Hour, 0, 0, 0, 0, false, limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				saw, took := closed(test.limit, test.begin, test.queued, test.size, test.pause, test.wait)
				if saw != test.saw || took != test.took {
					t.Errorf("the peer saw the close frame: %t, want %t; it took %v, want %v", saw, test.saw, took, test.took)
				}
			})
		})
	}
}

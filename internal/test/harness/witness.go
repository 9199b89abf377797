package harness

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Witness is a healthy member that records what it receives.
type Witness struct {
	*Peer
	done chan struct{}

	mu   sync.Mutex
	seen []string
	err  error
}

// Watch lets a witness join a room.
func Watch(t testing.TB, base, room string) *Witness {
	t.Helper()
	w := &Witness{Peer: Dial(t, base, room, true, "username", "Witness"), done: make(chan struct{})}
	w.Until("welcome")
	go w.run()
	return w
}

const theEnd = "the witness goes home"

func (w *Witness) run() {
	defer close(w.done)
	for {
		o, err := w.Read()
		w.mu.Lock()
		switch {
		case err != nil:
			w.err = err
		case o.Type == "message" && o.Message == theEnd:
			w.err = errDone
		case o.Type == "message":
			w.seen = append(w.seen, "msg "+Brief(o.Message))
		case o.Type != "system" && o.Type != "typing" && o.Type != "presence" && o.Type != "signal":
			w.seen = append(w.seen, o.Type+" "+o.Code)
		}
		ended := w.err != nil
		w.mu.Unlock()
		if ended {
			return
		}
	}
}

var errDone = errors.New("seen all")

// Check fails the test if the witness has lost its connection, cannot send, or has seen anything
// except the messages in want, in their order.
func (w *Witness) Check(want []string) {
	w.T.Helper()
	w.Send(`{"type":"message","message":"` + theEnd + `"}`)
	select {
	case <-w.done:
	case <-time.After(Patience):
		w.T.Fatal("the witness does not receive its own message")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != errDone {
		w.T.Fatalf("the witness: %v", w.err)
	}
	if diff := cmp.Diff(want, w.seen); diff != "" {
		w.T.Errorf("the witness saw (-want +got):\n%s", diff)
	}
	w.Conn.Close(1000, "")
}

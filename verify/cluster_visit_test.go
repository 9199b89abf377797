//go:build unix

package verify

import (
	"errors"
	"fmt"
	"time"
)

// A place is the last position that a client has seen.
type place struct {
	epoch  string
	offset uint64
	time   int64 // of the entry, in milliseconds; 0: not known
}

func (p place) String() string {
	s := fmt.Sprintf("%s:%d", p.epoch, p.offset)
	if p.time != 0 {
		s += fmt.Sprintf(":%d", p.time)
	}
	return s
}

// pending is a message that was sent.
type pending struct {
	content content
	frame   []byte
	first   time.Time // when it was sent
	last    time.Time // when it was sent last
	done    bool      // acknowledged, or refused permanently
	refused bool      // with no_such_user
}

// content is an entry without its offset.
type content struct {
	kind, user, id, text, to string
	target                   uint64 // of an amendment
}

// sighting is an entry with its offset.
type sighting struct {
	offset uint64
	what   content
	ack    bool
	at     time.Time
	asked  time.Time // when the acknowledged message was first sent
}

// visit is one connection.
type visit struct {
	member *clusterMember
	life   *life
	wire   *wire
	user   string
	began  time.Time

	welcomed bool
	epoch    string
	since    *place // the position that the client named
	resumed  bool
	from     uint64 // the client must get everything after this; only if resumed
	welcome  place
	seen     []sighting
	acks     []sighting
	list     map[string]string // id to the base of the name
	place    uint64            // the last offset that arrived in order
	heard    time.Time
	raw      []string // the received texts, for the trace
	over     bool
	mine     bool // the client ended the connection
}

// read processes everything that the server sends until the connection ends.
func (v *visit) read() {
	m := v.member
	for {
		b, err := v.wire.read()
		m.mu.Lock()
		if err != nil {
			v.over = true
			mine := v.mine
			m.mu.Unlock()
			if !mine {
				m.run.lost(v, err)
			}
			return
		}
		v.heard = time.Now()
		for _, b := range m.run.tamper(v, b) {
			v.take(b)
		}
		m.mu.Unlock()
	}
}

var errNotWelcome = errors.New("the first object is not a welcome")

//go:build unix

package verify

import (
	"errors"
	"fmt"
	"time"
)

// A place is what a client has seen last.
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
	done    bool      // acknowledged, or refused for good
	refused bool      // with no_such_user
}

// content is what an entry is, wherever it stands.
type content struct {
	kind, user, id, text, to string
	target                   uint64 // of what amends
}

// sighting is an entry at its place.
type sighting struct {
	offset uint64
	what   content
	ack    bool
	at     time.Time
	asked  time.Time // when what is acknowledged was sent first
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
	since    *place // what it named
	resumed  bool
	from     uint64 // everything after this is to come; only if resumed
	welcome  place
	seen     []sighting
	acks     []sighting
	list     map[string]string // id to the base of the name
	place    uint64            // the last offset of anything in order
	heard    time.Time
	raw      []string // what came, if it is to be shown
	over     bool
	mine     bool // the client ended it
}

// read takes what the server sends until the connection's end.
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

var errNotWelcome = errors.New("it does not begin with a welcome")

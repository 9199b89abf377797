//go:build unix

package verify

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// wireObject is any object from the server.
type wireObject struct {
	Type, Event, Code, Message, ID string
	User, Username, To, Session    string
	Position                       string
	Offset, Target, Amended        uint64
	Reaction                       string
	Remove                         bool
	Reactions                      []chatlog.Reaction
	Time                           time.Time
	Resumed, Gap                   bool
	Members                        []chatlog.Member
	MemberCount                    int `json:"member_count"`
}

// base returns a name without its number.
func base(name string) string {
	b, _, _ := strings.Cut(name, ".")
	return b
}

// take processes an object as a client does. m.mu is held.
func (v *visit) take(b []byte) {
	m := v.member
	if *clusterTrace {
		v.raw = append(v.raw, time.Now().Format("05.000 ")+string(b))
	}
	var o wireObject
	if err := json.Unmarshal(b, &o); err != nil {
		m.bad("%v: %s", err, b)
		return
	}
	if !v.welcomed {
		if m.plain {
			v.welcomed = true
		} else if o.Type == "welcome" {
			v.enter(&o)
			return
		} else {
			m.bad("%v: %s", errNotWelcome, b)
			return
		}
	}
	switch o.Type {
	case "message", "private", "edit", "delete", "reaction":
		v.see(&o)
	case "position":
		p, err := chatlog.ParsePosition(o.Position)
		if err != nil || p.Epoch != v.epoch {
			m.bad("position %q in epoch %s", o.Position, v.epoch)
			return
		}
		v.move(p.Offset, 0)
	case "system":
		v.notice(&o, b)
	case "ack":
		p := m.settle(o.ID, false)
		if p == nil {
			m.bad("an ack of a message that was not sent: %s", b)
			return
		}
		switch p.content.kind {
		case "message":
			m.own = append(m.own, o.Offset)
		case "reaction": // perhaps it changed nothing, so nothing was stored
			return
		}
		v.acks = append(v.acks, sighting{o.Offset, p.content, true, time.Now(), p.first})
	case "error":
		switch o.Code {
		case "unavailable":
			m.run.count("unavailable")
		case "no_such_user", "no_such_message":
			m.settle(o.ID, true)
		default:
			m.bad("an error: %s", b)
		}
	case "pong", "goodbye", "typing":
	default:
		m.bad("an unknown object: %s", b)
	}
}

func (v *visit) enter(o *wireObject) {
	m := v.member
	p, err := chatlog.ParsePosition(o.Position)
	if err != nil {
		m.bad("a welcome with the position %q", o.Position)
	}
	if m.user != "" && o.User != m.user {
		m.bad("reconnected as %s but is now %s", m.user, o.User)
	}
	if o.Resumed && v.since == nil || v.since != nil && o.Resumed == o.Gap {
		m.bad("welcome: since %v, resumed %t, gap %t", v.since, o.Resumed, o.Gap)
	}
	v.welcomed, v.user, v.epoch = true, o.User, p.Epoch
	m.user, m.session = o.User, o.Session
	v.welcome = place{p.Epoch, p.Offset, 0}
	if !o.Time.IsZero() {
		v.welcome.time = o.Time.UnixMilli()
	}
	v.resumed = o.Resumed
	switch {
	case o.Resumed:
		if p.Epoch != v.since.epoch || p.Offset < v.since.offset {
			m.bad("since %v is resumed at %s", v.since, o.Position)
		}
		v.from, v.place = v.since.offset, v.since.offset
		m.run.count("resumed")
	default:
		if v.since != nil {
			m.run.count("gaps")
			if v.since.epoch == p.Epoch {
				m.run.count("gaps in one epoch")
			}
		}
		m.place = place{epoch: p.Epoch} // until an entry has an offset
		m.own, m.others, m.fold = nil, nil, map[uint64]*folded{}
	}
	v.list = map[string]string{}
	for _, k := range o.Members {
		if v.list[k.UserID] != "" {
			m.bad("the welcome lists %s twice", k.Username)
		}
		v.list[k.UserID] = base(k.Username)
	}
	if v.list[o.User] != m.base || o.MemberCount != len(v.list) {
		m.bad("the welcome lists %d of %d, itself as %q", len(v.list), o.MemberCount, v.list[o.User])
	}
}

// see processes an entry.
func (v *visit) see(o *wireObject) {
	m := v.member
	if m.plain {
		if n := len(v.seen); n > 0 && o.Offset <= v.seen[n-1].offset {
			m.bad("plain: %d after %d", o.Offset, v.seen[n-1].offset)
		}
	}
	if o.Offset <= v.place && !m.plain {
		m.bad("%d comes after %d, in %s", o.Offset, v.place, v.epoch)
	}
	if o.Type == "private" && o.User != v.user && o.To != v.user {
		m.bad("received a private message of others at %d", o.Offset)
	}
	v.seen = append(v.seen, sighting{o.Offset, content{o.Type, o.User, o.ID, o.Message, o.To, o.Target}, false, time.Now(), time.Time{}})
	if !m.plain {
		m.apply(o)
	}
	v.move(o.Offset, o.Time.UnixMilli())
}

// move records that everything up to offset has arrived.
func (v *visit) move(offset uint64, at int64) {
	m := v.member
	if m.plain || offset < v.place {
		return
	}
	v.place = offset
	switch {
	case at != 0:
	case v.welcome.offset == offset:
		at = v.welcome.time
	case m.place.offset == offset && m.place.epoch == v.epoch:
		at = m.place.time
	}
	m.place = place{v.epoch, offset, at}
}

// notice processes a notice of a join or a leave.
func (v *visit) notice(o *wireObject, b []byte) {
	m := v.member
	switch {
	case m.plain && o.Code == "unavailable":
		m.run.count("unavailable")
	case o.Event != "join" && o.Event != "leave":
		m.bad("an unknown notice: %s", b)
	case m.plain:
	case o.User == v.user:
		m.bad("received its own %s", o.Event)
	default:
		if _, listed := v.list[o.User]; listed == (o.Event == "join") {
			m.bad("received the %s of %s (%s), a user who is in its list: %t", o.Event, o.Username, o.User, listed)
		}
		m.run.count("notices")
		delete(v.list, o.User)
		if o.Event == "join" {
			v.list[o.User] = base(o.Username)
		}
		// The notice is live, so everything up to the welcome's position has arrived.
		v.move(max(v.place, v.welcome.offset), 0)
	}
}

//go:build unix

package verify

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A clusterMember is a user with a client that is written from docs/protocol.md. It joins and
// leaves, sends and repeats messages, and resumes.
type clusterMember struct {
	run   *clusterRun
	room  string
	base  string // its name up to a dot; the number after the dot counts its new names
	plain bool
	rng   *rand.Rand

	mu      sync.Mutex
	name    string
	user    string // its id, once it is known
	session string
	place   place
	unacked []*pending
	sent    int
	said    []*pending // everything that it sent, for the checker
	own     []uint64   // offsets of its own messages
	others  []uint64   // offsets of messages of all users
	fold    map[uint64]*folded
	visits  []*visit
	at      *visit // the current connection, or nil
	wrong   []string
}

func (m *clusterMember) bad(format string, args ...any) {
	if len(m.wrong) < 10 {
		m.wrong = append(m.wrong, fmt.Sprintf("%s in %s: ", m.name, m.room)+fmt.Sprintf(format, args...))
	}
}

// live joins and leaves until the run is calm. Then it stays, or leaves for good.
func (m *clusterMember) live() {
	for round := 0; ; round++ {
		if m.run.ended() || m.run.calm() && !m.stays() {
			return
		}
		v := m.come()
		if v == nil {
			m.pause(50, 300)
			continue
		}
		go v.read()
		m.act(v)
		m.mu.Lock()
		if m.at == v {
			m.at = nil
		}
		m.mu.Unlock()
		if !m.run.calm() {
			m.pause(0, 400) // within the grace period, or longer
			if m.rng.IntN(4) == 0 {
				m.pause(500, 2500)
			}
		}
	}
}

// stays returns the same answer for the same seed.
func (m *clusterMember) stays() bool {
	return m.run.hash(m.base)%4 != 0
}

func (m *clusterMember) pause(least, most int) {
	m.run.wait(time.Duration(least+m.rng.IntN(most-least)) * time.Millisecond)
}

// come connects to any server.
func (m *clusterMember) come() *visit {
	n := m.run.nodes[m.rng.IntN(len(m.run.nodes))]
	m.mu.Lock()
	q := url.Values{}
	if m.rng.IntN(5) == 0 {
		m.name = fmt.Sprintf("%s.%d", m.base, m.rng.IntN(1000))
	}
	q.Set("username", m.name)
	protocols := ""
	v := &visit{member: m, life: n.lives(), began: time.Now(), heard: time.Now(), user: m.user}
	if !m.plain {
		protocols = "chat.v1"
		if m.session != "" {
			if m.rng.IntN(3) == 0 {
				q.Set("session", m.session)
			} else {
				protocols += ", session." + m.session
			}
		}
		if m.place.epoch != "" && m.rng.IntN(10) > 0 {
			since := m.place
			if m.rng.IntN(2) == 0 {
				since.time = 0
			}
			v.since = &since
			q.Set("since", since.String())
		}
	}
	m.mu.Unlock()
	target := "/ws/" + m.room + "?" + q.Encode()
	if !m.run.calm() && m.rng.IntN(8) == 0 { // give up the handshake
		if c, err := ask(n.addr, target, protocols, time.Second); err == nil {
			m.run.wait(time.Duration(m.rng.Int64N(int64(4 * time.Millisecond))))
			reset(c)
		}
		return nil
	}
	w, err := dialWire(n.addr, target, protocols, 20*time.Second)
	if err != nil {
		m.run.refusal(n, v, err)
		return nil
	}
	if n.lives() != v.life { // the process behind the connection is not known
		reset(w.conn)
		return nil
	}
	v.wire = w
	m.mu.Lock()
	m.at = v
	m.visits = append(m.visits, v)
	m.mu.Unlock()
	return v
}

// act sends, reads and changes things like a user, until the connection ends.
func (m *clusterMember) act(v *visit) {
	defer reset(v.wire.conn)
	asked := time.Now()
	for {
		m.pause(30, 300)
		m.mu.Lock()
		over, welcomed, quiet := v.over, v.welcomed, time.Since(v.heard)
		var again []byte
		if len(m.unacked) > 0 {
			if p := m.unacked[m.rng.IntN(len(m.unacked))]; time.Since(p.last) > time.Second {
				p.last, again = time.Now(), p.frame
			}
		}
		m.mu.Unlock()
		calm := m.run.calm()
		what := m.rng.IntN(100)
		switch {
		case over:
			return
		case m.run.ended():
			m.mine(v)
			return
		case quiet > 6*time.Second && !m.plain: // the server does not answer
			m.mine(v)
			return
		case !welcomed:
			continue
		case calm && !m.stays():
			m.goes(v, what < 50)
			return
		case again != nil:
			v.wire.text(again)
			continue
		case time.Since(asked) > 2*time.Second && !m.plain:
			asked = time.Now()
			v.wire.text([]byte(`{"type":"ping","id":"p"}`))
			continue
		case calm:
			continue
		case what < 5:
			m.goes(v, true)
			return
		case what < 10:
			m.goes(v, false)
			return
		case what < 16 && !m.plain:
			m.say(v, m.run.somebody(m))
		case what < 60:
			m.say(v, "")
		case what < 85 && !m.plain:
			m.change(v)
		}
	}
}

// mine records that the client ends the connection.
func (m *clusterMember) mine(v *visit) {
	m.mu.Lock()
	v.mine = true
	m.mu.Unlock()
}

// goes ends the connection, with a close frame or without.
func (m *clusterMember) goes(v *visit, clean bool) {
	m.mine(v)
	if !clean {
		return
	}
	v.wire.leave()
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		m.mu.Lock()
		over := v.over
		m.mu.Unlock()
		if over {
			return
		}
	}
}

// say sends a new message.
func (m *clusterMember) say(v *visit, to string) {
	m.mu.Lock()
	if len(m.unacked) > 20 {
		m.mu.Unlock()
		return
	}
	m.sent++
	text := fmt.Sprintf("%s-%d %s", m.base, m.sent, strings.Repeat("x", m.rng.IntN(200)))
	if m.plain {
		m.mu.Unlock()
		v.wire.text([]byte(text))
		return
	}
	o := map[string]string{"type": "message", "message": text, "id": fmt.Sprint(m.sent)}
	if to != "" {
		o["type"], o["to"] = "private", to
	}
	frame, _ := json.Marshal(o)
	p := &pending{content{o["type"], v.user, o["id"], text, to, 0}, frame, time.Now(), time.Now(), false, false}
	m.unacked = append(m.unacked, p)
	m.said = append(m.said, p)
	m.mu.Unlock()
	v.wire.text(frame)
}

// settle removes a message from those without an answer.
func (m *clusterMember) settle(id string, refused bool) *pending {
	for i, p := range m.unacked {
		if p.content.id == id {
			p.done, p.refused = true, refused
			m.unacked = append(m.unacked[:i:i], m.unacked[i+1:]...)
			return p
		}
	}
	for _, p := range m.said {
		if p.content.id == id {
			return p
		}
	}
	return nil
}

// Package presencetest lets users join and leave on several servers, with a close frame or
// without. It knows the truth: who is present. It compares the truth with the servers' lists of
// members, and with the lists that clients keep from notices.
package presencetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// A Server is a server that users can join.
type Server struct {
	URL    string
	Client *http.Client
}

// Trust is the servers' authenticator: it believes the user's name.
func Trust(r *http.Request) (chat.User, error) {
	return chat.User{ID: r.URL.Query().Get("as")}, nil
}

// A Cluster is some servers that share a room, and their users.
type Cluster struct {
	Room string
	Log  func(format string, args ...any) // logs what happens; nil logs nothing

	servers []Server
	users   int
	rng     *rand.Rand // used only in Step
	begun   sync.WaitGroup

	mu    sync.Mutex
	conns []*conn // live ones
	wrong []string
	told  int
}

// conn is a client that keeps a list of the room's members.
type conn struct {
	*ws.Conn
	cluster    *Cluster
	user, name string
	server     int
	list       map[string]bool // nil before the welcome
}

// New returns a cluster of servers with this many users.
func New(seed uint64, room string, users int, servers ...Server) *Cluster {
	return &Cluster{Room: room, servers: servers, users: users, rng: rand.New(rand.NewPCG(seed, 1))}
}

func (c *Cluster) log(format string, args ...any) {
	if c.Log != nil {
		c.Log(format, args...)
	}
}

// Step does one random thing: a user joins, perhaps giving up within milliseconds, or leaves
// gracefully, or loses the connection, or leaves and returns. It does not wait.
func (c *Cluster) Step() {
	user, name := fmt.Sprint("u", c.rng.IntN(c.users)), fmt.Sprint("n", c.rng.IntN(2))
	server := c.rng.IntN(len(c.servers))
	pause := time.Duration(c.rng.Int64N(int64(3 * time.Millisecond)))
	what := c.rng.IntN(10)
	c.mu.Lock()
	var at *conn
	if n := len(c.conns); n > 0 {
		at = c.conns[c.rng.IntN(n)]
	}
	many := len(c.conns) > 2*c.users
	c.mu.Unlock()
	switch {
	case at == nil || what < 4 && !many:
		c.begun.Go(func() { c.Come(user, name, server, time.Minute) })
	case what < 6 && !many:
		c.begun.Go(func() { c.Come(user, name, server, pause) })
	case what < 8:
		c.begun.Go(func() { at.leave() })
	case what < 9:
		c.begun.Go(func() { at.cut() })
	default:
		c.begun.Go(func() {
			at.leave()
			time.Sleep(pause / 2)
			c.Come(at.user, name, server, time.Minute)
		})
	}
}

// Come connects a user to a server, and gives up after the timeout.
func (c *Cluster) Come(user, name string, server int, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	q := url.Values{"as": {user}, "username": {name}}
	s := c.servers[server]
	w, _, err := ws.Dial(ctx, s.URL+"/ws/"+c.Room+"?"+q.Encode(), &ws.DialOptions{HTTPClient: s.Client, Subprotocols: []string{"chat.v1"}})
	if err != nil {
		c.log("%s cannot join server %d: %v", user, server, err)
		return false
	}
	w.SetReadLimit(1 << 20)
	k := &conn{Conn: w, cluster: c, user: user, name: name, server: server}
	c.log("%s/%s joins server %d", user, name, server)
	c.mu.Lock()
	c.conns = append(c.conns, k)
	c.mu.Unlock()
	c.begun.Go(k.read)
	return true
}

// gone removes k from the truth.
func (k *conn) gone(how string) {
	c := k.cluster
	c.mu.Lock()
	i := slices.Index(c.conns, k)
	if i >= 0 {
		c.conns = slices.Delete(c.conns, i, i+1)
	}
	c.mu.Unlock()
	if i >= 0 {
		c.log("%s %s %d", k.user, how, k.server)
	}
}

func (k *conn) leave() {
	k.gone("leaves")
	k.Close(1000, "")
}

func (k *conn) cut() {
	k.gone("is cut off from")
	k.CloseNow()
}

// read keeps the list up to date.
func (k *conn) read() {
	defer k.CloseNow()
	for {
		_, b, err := k.Read(context.Background())
		if err != nil {
			k.gone("is lost by")
			return
		}
		k.cluster.take(k, b)
	}
}

func (c *Cluster) take(k *conn, b []byte) {
	var o struct {
		Type, Event, User string
		Members           []chatlog.Member
		Count             int `json:"member_count"`
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	wrong := func(format string, args ...any) {
		c.wrong = append(c.wrong, fmt.Sprintf("%s at %d: ", k.user, k.server)+fmt.Sprintf(format, args...))
	}
	if err := json.Unmarshal(b, &o); err != nil {
		wrong("%v", err)
	}
	switch {
	case o.Type == "welcome":
		k.list = map[string]bool{}
		for _, m := range o.Members {
			if k.list[m.UserID] {
				wrong("the welcome lists %s twice", m.UserID)
			}
			k.list[m.UserID] = true
		}
		if !k.list[k.user] || o.Count != len(k.list) {
			wrong("the welcome lists %d of %d, itself: %t", len(k.list), o.Count, k.list[k.user])
		}
	case o.Type != "system":
		return
	case o.User == k.user:
		wrong("received its own %s", o.Event)
	case k.list[o.User] == (o.Event == "join"):
		wrong("received the %s of %s, a user who is in the list: %t", o.Event, o.User, k.list[o.User])
	case o.Event == "join":
		k.list[o.User] = true
	default:
		delete(k.list, o.User)
	}
	if o.Type == "system" {
		c.told++
	}
}

// Told returns how many notices all clients have received.
func (c *Cluster) Told() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told
}

// Leave closes every connection of a user gracefully.
func (c *Cluster) Leave(user string) {
	c.end(func(k *conn) bool { return k.user == user }, (*conn).leave)
}

// Cut cuts every connection of a user.
func (c *Cluster) Cut(user string) { c.end(func(k *conn) bool { return k.user == user }, (*conn).cut) }

// LeaveServer closes every connection to a server gracefully.
func (c *Cluster) LeaveServer(server int) {
	c.end(func(k *conn) bool { return k.server == server }, (*conn).leave)
}

// Lose cuts every connection to a server.
func (c *Cluster) Lose(server int) {
	c.end(func(k *conn) bool { return k.server == server }, (*conn).cut)
}

func (c *Cluster) end(which func(*conn) bool, how func(*conn)) {
	c.mu.Lock()
	conns := slices.Clone(c.conns)
	c.mu.Unlock()
	for _, k := range conns {
		if which(k) {
			how(k)
		}
	}
}

// End cuts every connection, and waits for everything that Step has begun.
func (c *Cluster) End() {
	for s := range c.servers {
		c.Lose(s)
	}
	c.begun.Wait()
}

// Wrong returns impossible notices that clients received: two joins of a user in a row, or the
// leave of a user that was not in the list.
func (c *Cluster) Wrong() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.wrong)
}

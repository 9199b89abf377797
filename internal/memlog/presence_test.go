package memlog

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/chatlog"
)

func (m *logModel) presence(name string, r *modelRoom) {
	server, user := fmt.Sprint("s", m.next(3)), fmt.Sprint("u", m.next(3))
	if m.next(3) == 0 {
		on := r.users[user]
		_, here := on[server]
		last, err := m.log.Leave(bg, server, name, user)
		if want := here && len(on) == 1; err != nil || last != want {
			m.t.Fatalf("Leave returned %t, want %t, %v", last, want, err)
		}
		if delete(on, server); len(on) == 0 {
			delete(r.users, user)
		}
		if last {
			m.settle(r)
		}
		return
	}
	e := chatlog.Member{UserID: user, Username: fmt.Sprint("n", m.next(3)), Connections: 1 + m.next(3)}
	first, err := m.log.Enter(bg, server, name, e)
	if _, removed := m.removed[server]; removed {
		if err != nil || first {
			m.t.Fatalf("Enter on a removed server returned %t, %v", first, err)
		}
		return
	}
	if want := len(r.users[user]) == 0; err != nil || first != want {
		m.t.Fatalf("Enter returned %t, want %t, %v", first, want, err)
	}
	at, _ := m.log.Positions(bg, []string{name})
	m.incarnate(name, r, at[0].Epoch)
	if first {
		r.users[user] = map[string]modelEntered{}
	}
	m.entered++
	r.users[user][server] = modelEntered{e, m.entered}
	if _, ok := m.servers[server]; !ok {
		m.servers[server] = time.Now().Add(firstTTL)
	}
	m.settle(r)
}

// modelEntered is a server's last Enter for a user. nth is its number among all calls.
type modelEntered struct {
	chatlog.Member
	n int
}

// modelMember is a user, with the servers that the user is on.
func modelMember(user string, on map[string]modelEntered) chatlog.Member {
	sum, n := chatlog.Member{UserID: user}, 0
	for _, e := range on {
		if e.n > n {
			n, sum.Username = e.n, e.Username
		}
		sum.Connections += e.Connections
	}
	return sum
}

func (m *logModel) beat() {
	server, ttl := fmt.Sprint("s", m.next(3)), time.Duration(m.next(100))*time.Minute
	p, err := m.log.Beat(bg, server, ttl)
	held, gone := p.Held, p.Gone
	now := time.Now()
	_, removed := m.removed[server]
	if err != nil || held == removed {
		m.t.Fatalf("Beat returned held %t, removed %t, %v", held, removed, err)
	}
	if gap := now.Sub(m.beaten); gap > ttl/2 { // no server could beat
		for s, end := range m.servers {
			m.servers[s] = latest(end, earliest(end.Add(gap), now.Add(ttl)))
		}
	}
	m.beaten = now
	if held {
		m.servers[server] = now.Add(ttl)
	}
	var want []chatlog.Departure
	var dead []string
	for s, end := range m.servers {
		if end.After(now) || held && s == server {
			continue
		}
		delete(m.servers, s)
		m.removed[s] = now
		dead = append(dead, s)
	}
	for name, r := range m.rooms {
		for user, on := range r.users {
			last := modelMember(user, on)
			for _, s := range dead {
				delete(on, s)
			}
			if len(on) == 0 {
				delete(r.users, user)
				want = append(want, chatlog.Departure{Room: name, Member: chatlog.Member{UserID: user, Username: last.Username}})
				m.settle(r)
			}
		}
	}
	for s, at := range m.removed {
		if now.Sub(at) >= graveTTL {
			delete(m.removed, s)
		}
	}
	for _, d := range [][]chatlog.Departure{want, gone} {
		sort.Slice(d, func(i, j int) bool { return d[i].Room+d[i].Member.UserID < d[j].Room+d[j].Member.UserID })
	}
	if d := gocmp.Diff(want, gone); d != "" {
		m.t.Fatalf("gone (-want +got):\n%s", d)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// check compares the present users, and the other state that the log holds.
func (m *logModel) check() {
	rooms := map[string]int{}
	for name, r := range m.rooms {
		var want []chatlog.Member
		for user, on := range r.users {
			sum := modelMember(user, on)
			want = append(want, sum)
			if got, ok, err := m.log.Present(bg, name, user); err != nil || !ok || got != sum {
				m.t.Fatalf("%+v is present as %+v, %t, %v", sum, got, ok, err)
			}
		}
		slices.SortFunc(want, func(a, b chatlog.Member) int {
			return cmp.Or(cmp.Compare(a.Username, b.Username), cmp.Compare(a.UserID, b.UserID))
		})
		limit := len(want) / 2
		list, err := m.log.Members(bg, name, limit)
		if err != nil || list.Total != len(want) || !slices.Equal(list.Members, want[:limit]) {
			m.t.Fatalf("%s has %+v, want %+v, %v", name, list, want, err)
		}
		if len(want) > 0 {
			rooms[name] = len(want)
		}
	}
	got, err := m.log.Rooms(bg)
	if d := gocmp.Diff(rooms, got); err != nil || d != "" {
		m.t.Fatalf("Rooms: %v (-want +got):\n%s", err, d)
	}
	checkAccounts(m.t, m.log)
}

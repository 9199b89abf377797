//go:build linux

package run

import (
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/bench/internal/load"
	"github.com/seed-08328bfd/chat/bench/internal/serve"
)

// A Sort says which figures of a case are important.
type Sort int

// The sorts of cases.
const (
	Flow    Sort = iota // messages are delivered
	Deflate             // messages are delivered, and the bytes on the wire count
	Idle                // connections do nothing
	Many                // connections in many rooms each do nothing, and then messages are delivered
)

// A Case is one kind of load. It runs on each of its peers.
type Case struct {
	Name  string
	Title string
	Note  string
	Sort  Sort
	Plan  load.Plan     // without Addr and the fields that depend on the peer
	Time  time.Duration // of the measurement; 0: as the options say
	Runs  int           // at most; 0: as the options say
	Peers []Peer
}

// A Peer is a server in a certain configuration.
type Peer struct {
	Name string
	Kind string
	Args []string
}

func peers(kinds ...string) (ps []Peer) {
	for _, k := range kinds {
		ps = append(ps, Peer{Name: k, Kind: k})
	}
	return ps
}

// overTLS is a plan of messages over TLS that ends in the server's process.
func overTLS(rooms, members int, rate float64) load.Plan {
	return load.Plan{Rooms: rooms, Members: members, Rate: rate, Text: 80, TLS: true}
}

const manyNote = "Each user has one connection. The memory is per user in all its rooms, before the first message. " +
	"chat tells the members of a room of each join. The CPU of a join is for all 50 rooms of a user, until every member knows of it. " +
	"centrifuge does not tell of joins and keeps no history; \"centrifuge, presence\" tells of joins and leaves, and has presence and a history of 50."

// Cases returns all cases. A text has 80 bytes unless the case says otherwise.
func Cases() []Case {
	libs := peers(serve.Kinds...)
	all := append(peers("floor"), libs...)
	flush := []Peer{
		{"chat", "chat", nil},
		{"chat, no pause", "chat", []string{"-flush=-1ns"}},
		{"chat, 1 ms", "chat", []string{"-flush=1ms"}},
		{"chat, 2 ms", "chat", []string{"-flush=2ms"}},
		{"chat, 3 ms", "chat", []string{"-flush=3ms"}},
		{"chat, 4 ms", "chat", []string{"-flush=4ms"}},
		{"chat, 5 ms", "chat", []string{"-flush=5ms"}},
	}
	deflate := []Peer{
		{"chat", "chat", nil},
		{"chat, compressed", "chat", []string{"-compress"}},
	}
	shared := []Peer{
		{"chat", "chat", nil},
		{"centrifuge", "centrifuge", nil},
		{"centrifuge, presence", "centrifuge", []string{"-presence"}},
	}
	joining := append(slices.Clone(libs), Peer{"gws, telling", "gws", []string{"-presence"}})
	busy := load.Plan{Rooms: 1, Members: 200, Rate: 2000, Text: 80}
	window := load.Plan{Rooms: 1, Members: 100, Senders: 4, Window: 64, Text: 80}
	long := busy
	long.Text = 600
	return []Case{
		{Name: "1x1000", Title: "One room of 1,000, 50 messages/s", Peers: all,
			Plan: load.Plan{Rooms: 1, Members: 1000, Rate: 50, Text: 80}},
		{Name: "1x200", Title: "One room of 200, 2,000 messages/s", Peers: all, Plan: busy},
		{Name: "100w64", Title: "One room of 100, 4 senders with 64 messages on their way each", Peers: all, Plan: window},
		{Name: "500x2", Title: "500 rooms of 2, 8,000 messages/s", Peers: all,
			Plan: load.Plan{Rooms: 500, Members: 2, Rate: 8000, Text: 80}},
		{Name: "1x100", Title: "One room of 100, 250 messages/s", Peers: all,
			Note: "For comparison with the room of 10,000: as many deliveries a second.",
			Plan: load.Plan{Rooms: 1, Members: 100, Rate: 250, Text: 80}},
		{Name: "1x10000", Title: "One room of 10,000, 2.5 messages/s", Peers: all, Time: 6 * time.Second,
			Plan: load.Plan{Rooms: 1, Members: 10000, Rate: 2.5, Text: 80}},
		{Name: "10000x1", Title: "10,000 rooms of 1, 5,000 messages/s", Peers: all,
			Note: "Every delivery has a message of its own to read.",
			Plan: load.Plan{Rooms: 10000, Members: 1, Rate: 5000, Text: 80}},
		{Name: "10x1000", Title: "10 rooms of 1,000, 25 messages/s", Peers: all, Time: 6 * time.Second,
			Plan: load.Plan{Rooms: 10, Members: 1000, Rate: 25, Text: 80}},
		{Name: "stalled", Title: "One room of 200, 1,000 messages/s, 20 members never read", Peers: libs,
			Note: "Deliveries to the 180 that read. The floor is not here: it would wait for the first full socket.",
			Plan: load.Plan{Rooms: 1, Members: 200, Rate: 1000, Stalled: 0.1, Text: 80}},
		{Name: "idle", Title: "9,000 idle connections in rooms of 100", Sort: Idle, Peers: all, Time: 26 * time.Second, Runs: 1,
			Note: "Each library pings as it does by itself: chat and centrifuge every 25 s, gorilla and melody every 54 s, " +
				"which is longer than was measured, the others not at all. chat alone tells the members of a room of each join, " +
				"which is in the price of a join.",
			Plan: load.Plan{Rooms: 90, Members: 100}},
		{Name: "many", Title: "10,000 users in 50 rooms each, rooms of 100, 200 messages/s", Sort: Many, Peers: shared,
			Time: 10 * time.Second, Runs: 1, Note: manyNote,
			Plan: load.Plan{Rooms: 5000, Members: 100, Joined: 50, Rate: 200, Text: 80}},
		{Name: "many1000", Title: "1,000 users in 50 rooms each, rooms of 100, 200 messages/s", Sort: Many, Peers: shared,
			Note: "The same for a quick run.",
			Plan: load.Plan{Rooms: 500, Members: 100, Joined: 50, Rate: 200, Text: 80}},
		{Name: "joins", Title: "9,000 joins, rooms of 10", Sort: Idle, Peers: joining, Time: time.Second,
			Plan: load.Plan{Rooms: 900, Members: 10}},
		{Name: "joins100", Title: "9,000 joins, rooms of 100", Sort: Idle, Peers: joining, Time: time.Second,
			Plan: load.Plan{Rooms: 90, Members: 100}},
		{Name: "joinsv1", Title: "9,000 joins over chat.v1, rooms of 10", Sort: Idle, Peers: peers("chat"), Time: time.Second,
			Plan: load.Plan{Rooms: 900, Members: 10, V1: true}},
		{Name: "tls1x200", Title: "TLS: one room of 200, 100 messages/s", Peers: libs, Plan: overTLS(1, 200, 100)},
		{Name: "tls1x1000", Title: "TLS: one room of 1,000, 20 messages/s", Peers: libs, Plan: overTLS(1, 1000, 20)},
		{Name: "tls200busy", Title: "TLS: one room of 200, 1,000 messages/s", Peers: libs, Plan: overTLS(1, 200, 1000)},
		{Name: "tls1000x2", Title: "TLS: 1,000 rooms of 2, 2,000 messages/s", Peers: libs, Plan: overTLS(1000, 2, 2000)},
		{Name: "tlsidle", Title: "TLS: 3,000 idle connections in rooms of 100", Sort: Idle, Peers: libs, Time: 10 * time.Second, Runs: 1,
			Plan: overTLS(30, 100, 0)},
		{Name: "deflate80", Title: "Compression: one room of 200, 2,000 messages/s of 80 bytes", Sort: Deflate, Peers: deflate, Plan: busy},
		{Name: "deflate600", Title: "Compression: one room of 200, 2,000 messages/s of 600 bytes", Sort: Deflate, Peers: deflate, Plan: long},
		{Name: "flush200", Title: "Flush interval: one room of 200, 2,000 messages/s", Peers: flush, Plan: busy},
		{Name: "flush100w64", Title: "Flush interval: one room of 100, 4 senders with 64 on their way", Peers: flush, Plan: window},
	}
}

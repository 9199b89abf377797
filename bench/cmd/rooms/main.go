//go:build linux

// Command rooms compares what idle users cost a server in memory: with one room each, and
// with many over their one connection. All rooms have as many members.
//
//	go run ./cmd/rooms -users 10000 -rooms 50
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/bench/internal/load"
	"github.com/seed-08328bfd/chat/bench/internal/proc"
	"github.com/seed-08328bfd/chat/bench/internal/run"
)

// What chat promises of a user with many rooms: at most factor times the memory of a
// connection with one room, and perRoom bytes for each further one.
const (
	factor  = 1.3
	perRoom = 600
)

var (
	users   = flag.Int("users", 2000, "how many users; each with one connection")
	rooms   = flag.Int("rooms", 50, "rooms of a user with many; must divide -members")
	members = flag.Int("members", 100, "members of a room")
	kinds   = flag.String("kind", "chat", "servers, with commas: chat, centrifuge")
	profile = flag.String("pprof", "", "folder for heap profiles of the servers")
)

// A row is one measurement.
type row struct {
	name   string
	rooms  int // per user
	plan   load.Plan
	memory run.Memory
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	if err := measureAll(); err != nil {
		log.Fatal("rooms: ", err)
	}
}

func measureAll() error {
	if err := proc.RaiseFiles(); err != nil {
		return err
	}
	if *users <= 0 || *rooms <= 1 || *members <= 0 || *users%*members != 0 || *users**rooms%*members != 0 {
		return fmt.Errorf("%d users in %d rooms each do not fill rooms of %d", *users, *rooms, *members)
	}
	dir, err := os.MkdirTemp("", "rooms")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "server")
	build := exec.Command("go", "build", "-o", binary, "github.com/seed-08328bfd/chat/bench/cmd/server")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	fmt.Printf("%d users, rooms of %d; %s\n\n", *users, *members, proc.Machine())
	for kind := range strings.SplitSeq(*kinds, ",") {
		if !slices.Contains([]string{"chat", "centrifuge"}, kind) {
			return fmt.Errorf("%s has no connections with many rooms", kind)
		}
		if err := compare(kind, binary); err != nil {
			return err
		}
	}
	return nil
}

// compare measures one kind of server and prints its table.
func compare(kind, binary string) error {
	single, many := *users / *members, *users**rooms / *members
	rows := []row{
		{name: "GET /ws/{room}", rooms: 1, plan: load.Plan{V1: true, Rooms: single, Members: *members}},
		{name: "GET /ws", rooms: 1, plan: load.Plan{Joined: 1, Rooms: single, Members: *members}},
		{name: "GET /ws", rooms: *rooms, plan: load.Plan{Joined: *rooms, Rooms: many, Members: *members}},
	}
	fmt.Printf("### %s\n\nBytes per user; CPU and time of joining.\n\n", kind)
	fmt.Println("| connection | rooms | live heap | stacks | RSS | RSS, released | CPU µs | all joined |")
	fmt.Println("|---|---:|---:|---:|---:|---:|---:|---:|")
	for i := range rows {
		r := &rows[i]
		file := ""
		if *profile != "" {
			file = filepath.Join(*profile, fmt.Sprintf("%s-%d-%d.heap", kind, i, r.rooms))
		}
		var err error
		if r.memory, err = run.Join(run.Peer{Name: kind, Kind: kind}, r.plan, binary, file); err != nil {
			return err
		}
		m := &r.memory
		fmt.Printf("| %s | %d | %.0f | %.0f | %.0f | %.0f | %.0f | %v |\n", r.name, r.rooms, m.Heap, m.Stack, m.RSS, m.Released,
			float64(m.CPU.Microseconds())/float64(*users), m.Took.Round(10*time.Millisecond))
	}
	fmt.Println()
	one, all := &rows[0].memory, &rows[len(rows)-1].memory
	verdict("live heap", one.Heap, all.Heap)
	verdict("live heap and stacks", one.Heap+one.Stack, all.Heap+all.Stack)
	verdict("RSS, released", one.Released, all.Released)
	verdict("RSS", one.RSS, all.RSS)
	fmt.Println()
	return nil
}

// verdict prints what a further room costs, and whether that is within what chat promises.
func verdict(what string, one, all float64) {
	further := float64(*rooms - 1)
	allowed := factor*one + perRoom*further
	word := "within"
	if all > allowed {
		word = "OVER"
	}
	fmt.Printf("%s: %.0f bytes with %d rooms, %.0f per further room; %s the limit of %.0f = %.1f x %.0f + %d x %d\n",
		what, all, *rooms, (all-one)/further, word, allowed, factor, one, *rooms-1, perRoom)
}

//go:build linux

package run

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/bench/internal/load"
	"github.com/seed-08328bfd/chat/bench/internal/serve"
)

var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "server")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "github.com/seed-08328bfd/chat/bench/cmd/server")...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the server:", err)
		return 1
	}
	return m.Run()
}

const patience = 2 * time.Minute

// Every server delivers every message exactly once to each member of its room, and to no other.
func TestExact(t *testing.T) {
	all := append(peers(append([]string{"floor"}, serve.Kinds...)...), Peer{"chat-compressed", "chat", []string{"-compress"}})
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) {
			s, err := Start(binary, append([]string{"-kind", p.Kind}, p.Args...)...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Stop(); err != nil {
					t.Errorf("server: %v", err)
				}
				if log := s.stderr.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
					t.Error(log)
				}
			}()
			plan := load.Plan{Addr: s.Addr, Rooms: 3, Members: 4, Text: 80,
				Centrifuge: p.Kind == "centrifuge", Deflate: len(p.Args) > 0}
			l, err := load.New(plan)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if _, err := l.Join(patience); err != nil {
				t.Fatal(err)
			}
			if err := l.Sync(patience); err != nil {
				t.Fatal(err)
			}
			const each = 50
			got, err := l.Exchange(each, 8, patience)
			if err != nil {
				t.Fatal(err)
			}
			if want := int64(plan.Rooms * plan.Members * plan.Members * each); got != want {
				t.Errorf("%d deliveries, want %d", got, want)
			}
			if lost := l.Run(0).Lost; lost != 0 {
				t.Errorf("%d connections lost", lost)
			}
		})
	}
}

// A run returns the figures that its sort of case needs.
func TestOne(t *testing.T) {
	o := Options{Binary: binary, Time: 300 * time.Millisecond, Warm: 10 * time.Millisecond}
	chat := Peer{Name: "chat", Kind: "chat"}
	flow := Case{Name: "flow", Peers: []Peer{chat}, Plan: load.Plan{Rooms: 2, Members: 5, Rate: 200, Stalled: 0.2, Text: 80}}
	var res Result
	var err error
	for range 10 { // a server that gets no processor for so long delivers nothing
		if res, err = One(&flow, chat, o); err != nil || res.Rate > 0 {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if res.Rate <= 0 || res.Max < res.P99 || res.P99 < res.P50 || res.Bytes < 80 || res.RSS <= 0 || res.Joins <= 0 {
		t.Errorf("strange figures: %+v", res)
	}
	idle := Case{Name: "idle", Sort: Idle, Peers: []Peer{chat}, Plan: load.Plan{Rooms: 2, Members: 5}}
	res, err = One(&idle, chat, o)
	if err != nil {
		t.Fatal(err)
	}
	if res.Rate != 0 || res.Heap <= 0 || res.Stack <= 0 || res.RSSConn <= 0 || res.Lost != 0 {
		t.Errorf("strange figures: %+v", res)
	}
}

// A profile of a run is written to the requested folder.
func TestProfile(t *testing.T) {
	dir := t.TempDir()
	o := Options{Binary: binary, Time: 100 * time.Millisecond, Profile: dir}
	p := Peer{"chat, 1 ms", "chat", []string{"-flush=1ms"}}
	c := Case{Name: "flow", Peers: []Peer{p}, Plan: load.Plan{Rooms: 1, Members: 2, Rate: 100, Text: 80}}
	if _, err := One(&c, p, o); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "flow-chat-1ms.prof"))
	if err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
}

// A fault of a server is reported immediately. No call waits for a timeout.
func TestFailures(t *testing.T) {
	if _, err := Start(binary, "-kind", "none"); err == nil || !strings.Contains(err.Error(), "no such kind") {
		t.Errorf("a kind that does not exist: %v", err)
	}
	s, err := Start(binary, "-kind", "chat")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	l, err := load.New(load.Plan{Addr: s.Addr, Rooms: 1, Members: 1, Deflate: true, Text: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Join(patience); err == nil {
		t.Error("joining with compression that the server does not have succeeded")
	}
}

// Every case can be run: its peers exist and its numbers make sense.
func TestCases(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.Name] {
			t.Errorf("%s: twice", c.Name)
		}
		seen[c.Name] = true
		if c.Plan.Rooms*c.Plan.Members <= 0 || c.Plan.Senders > c.Plan.Members {
			t.Errorf("%s: invalid plan %+v", c.Name, c.Plan)
		}
		if (c.Sort == Many) != (c.Plan.Joined > 0) || c.Plan.Joined > 0 && c.Plan.Members%c.Plan.Joined != 0 {
			t.Errorf("%s: %d rooms of %d for each user", c.Name, c.Plan.Joined, c.Plan.Members)
		}
		if c.Sort != Idle && c.Plan.Rate <= 0 == (c.Plan.Window <= 0) {
			t.Errorf("%s: a plan needs either a rate or a window", c.Name)
		}
		for _, p := range c.Peers {
			if !serve.Valid(p.Kind) {
				t.Errorf("%s: no server %s", c.Name, p.Kind)
			}
		}
	}
}

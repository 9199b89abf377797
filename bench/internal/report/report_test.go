//go:build linux

package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/bench/internal/load"
	"github.com/seed-08328bfd/chat/bench/internal/run"
)

func example() ([]run.Case, Results) {
	cases := []run.Case{
		{Name: "1x1000", Title: "One room & more", Plan: load.Plan{Rooms: 1, Members: 10, Rate: 1},
			Peers: []run.Peer{{Name: "floor", Kind: "floor"}, {Name: "gws", Kind: "gws"}, {Name: "melody", Kind: "melody"}, {Name: "chat", Kind: "chat"}}},
		{Name: "idle", Title: "Idle", Sort: run.Idle, Plan: load.Plan{Rooms: 1, Members: 10},
			Peers: []run.Peer{{Name: "gws", Kind: "gws"}, {Name: "chat", Kind: "chat"}}},
		{Name: "many", Title: "Many rooms each", Sort: run.Many, Plan: load.Plan{Rooms: 4, Members: 2, Joined: 2, Rate: 1},
			Peers: []run.Peer{{Name: "chat", Kind: "chat"}, {Name: "centrifuge", Kind: "centrifuge"}}},
	}
	rs := Results{}
	add := func(round int, peer string, cpu, share float64) {
		rs.Add("1x1000", peer, round, run.Result{User: cpu / 4, System: cpu * 3 / 4, Share: share}, nil)
	}
	for round, slow := range []float64{1, 3, 2} { // the machine is slower in some rounds
		add(round, "floor", 4*slow, 1)
		add(round, "gws", 10*slow, 1)
		add(round, "melody", 2*slow, 0.5) // cheap, but half of the messages are lost
		add(round, "chat", 5*slow, 1)
	}
	rs.Add("many", "chat", 0, run.Result{RSSConn: 12, Heap: 3, Stack: 4, Joins: 70, JoinCPU: 500, User: 1, System: 2, Share: 1, P99: 5}, nil)
	rs.Add("many", "centrifuge", 0, run.Result{User: 2, System: 4, Share: 1, P99: 6}, nil)
	rs.Add("idle", "gws", 0, run.Result{RSSConn: 10.25}, nil)
	rs.Add("idle", "chat", 0, run.Result{}, errors.New("it broke\nlong story"))
	return cases, rs
}

func TestTables(t *testing.T) {
	cases, rs := example()
	var b strings.Builder
	if err := Page(&b, cases, rs, "go run ./cmd/bench", "no such binary"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| One room & more | 10.00 | 8.00 | 1.25 | gws | 20.00 | 0.50 | 0.0 | 0.0 |",
		"| Many rooms each | 3.00 | – | – | centrifuge | 6.00 | 0.50 | 5.0 | 6.0 |",
		"| server | RSS KB | live heap KB | stacks KB | joins/s | CPU µs a join | CPU µs | deliveries/s | of those due | p50 ms | p99 ms | max ms | lost |",
		"| chat | 12.0 | 3.0 | 4.0 | 70 | 500 | 3.00 | 0 | 100.0 % | 0.00 | 5.0 | 0 | 0 |",
		"| chat | 10.00 | 1.25 | 2.50 | 7.50 |",
		"| gws | 10.2 |",
		"| chat | – |",
		"A run failed: it broke\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "long story") {
		t.Error("the page has more than the first line of an error")
	}
}

func TestChart(t *testing.T) {
	cases, rs := example()
	svg := string(Chart(cases, rs))
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{">10.00<", ">4.00 (lossy)<", ">failed<", "One room &amp; more"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in the chart", want)
		}
	}
}

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

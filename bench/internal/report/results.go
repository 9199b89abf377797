//go:build linux

// Package report writes the results of the runs: tables in Markdown and a chart in SVG.
package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seed-08328bfd/chat/bench/internal/run"
)

// Results are the runs by case and peer.
type Results map[key][]entry

type key struct{ name, peer string }

type entry struct {
	round  int
	result run.Result
	err    error
}

// Add adds the result of a run.
func (rs Results) Add(name, peer string, round int, r run.Result, err error) {
	k := key{name, peer}
	rs[k] = append(rs[k], entry{round, r, err})
}

// values returns one figure of every run that succeeded.
func (rs Results) values(name, peer string, of func(*run.Result) float64) (vs []float64) {
	for _, e := range rs[key{name, peer}] {
		if e.err == nil {
			vs = append(vs, of(&e.result))
		}
	}
	return vs
}

// median returns the median of a figure over all runs. ok is false if there are no runs.
func (rs Results) median(name, peer string, of func(*run.Result) float64) (m float64, ok bool) {
	return middle(rs.values(name, peer, of))
}

func middle(vs []float64) (float64, bool) {
	if len(vs) == 0 {
		return 0, false
	}
	slices.Sort(vs)
	n := len(vs)
	return (vs[(n-1)/2] + vs[n/2]) / 2, true
}

// ratio returns the ratio of two peers' processor time per delivery: the median over the rounds.
func (rs Results) ratio(name, peer, to string) (float64, bool) {
	var vs []float64
	for _, a := range rs[key{name, peer}] {
		for _, b := range rs[key{name, to}] {
			if a.round == b.round && a.err == nil && b.err == nil && b.result.CPU() > 0 {
				vs = append(vs, a.result.CPU()/b.result.CPU())
			}
		}
	}
	return middle(vs)
}

// kept reports whether a peer did the whole job in a case: it delivered every message that was
// due, and lost no connection.
func (rs Results) kept(c *run.Case, peer string) bool {
	share, ok := rs.median(c.Name, peer, func(r *run.Result) float64 { return r.Share })
	lost, _ := rs.median(c.Name, peer, func(r *run.Result) float64 { return float64(r.Lost) })
	stalled := float64(int(c.Plan.Stalled * float64(c.Plan.Members)))
	return ok && (share > 0.97 || c.Plan.Window > 0 && share > 0.9) && lost <= stalled
}

// best returns the Go peer that did the whole job with the least processor time.
func (rs Results) best(c *run.Case) (peer string, ok bool) {
	var names []string
	for _, p := range c.Peers {
		if p.Kind != "floor" && p.Kind != "chat" && rs.kept(c, p.Name) {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "", false
	}
	return slices.MinFunc(names, func(a, b string) int {
		x, _ := rs.median(c.Name, a, (*run.Result).CPU)
		y, _ := rs.median(c.Name, b, (*run.Result).CPU)
		return cmp.Compare(x, y)
	}), true
}

// Line describes one run in a line.
func Line(c *run.Case, r *run.Result) string {
	if c.Sort == run.Many {
		return fmt.Sprintf("%-11s %-20s %6.1f KB RSS, %5.1f heap, %5.1f stack a user; %5.0f joins/s, %6.0f us each; %6.2f us, %6.0f/s %5.1f %%, p50 %.2f p99 %.2f max %.1f ms, lost %d; load %.2f others %.2f",
			c.Name, r.Peer, r.RSSConn, r.Heap, r.Stack, r.Joins, r.JoinCPU, r.CPU(), r.Rate, 100*r.Share, r.P50, r.P99, r.Max, r.Lost, r.Load, r.Others)
	}
	if c.Sort == run.Idle {
		return fmt.Sprintf("%-11s %-16s %6.1f KB RSS, %5.1f heap, %5.1f stack a connection; %5.2f %% CPU; %6.0f joins/s, %5.0f us each; others %.2f",
			c.Name, r.Peer, r.RSSConn, r.Heap, r.Stack, r.Idle, r.Joins, r.JoinCPU, r.Others)
	}
	return fmt.Sprintf("%-11s %-16s %6.2f us (%.2f + %.2f), %8.0f/s %5.1f %%, p50 %.2f p99 %.2f max %.1f ms, %.0f B, RSS %.0f MB, lost %d; load %.2f others %.2f",
		c.Name, r.Peer, r.CPU(), r.User, r.System, r.Rate, 100*r.Share, r.P50, r.P99, r.Max, r.Bytes, r.RSS, r.Lost, r.Load, r.Others)
}

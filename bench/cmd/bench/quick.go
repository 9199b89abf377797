//go:build linux

package main

import (
	"cmp"
	"fmt"
	"log"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/seed-08328bfd/chat/bench/internal/run"
)

// A bar is the most that a figure of chat may be, as a multiple of the best peer's. The figures of
// a short run vary by some percent, and more if the machine has other work: the bars leave room
// for that over what RESULTS.md has.
type bar struct {
	name   string // of the case
	peers  []string
	figure string
	of     func(*run.Result) float64
	most   float64
}

var bars = []bar{
	{"1x200", []string{"gorilla", "centrifuge"}, "CPU µs a delivery", (*run.Result).CPU, 0.6},
	{"500x2", []string{"gws", "gorilla"}, "CPU µs a delivery", (*run.Result).CPU, 0.95},
	{"tls1x200", []string{"gws", "gorilla"}, "CPU µs a delivery", (*run.Result).CPU, 1.15},
	{"tls200busy", []string{"gorilla", "centrifuge"}, "CPU µs a delivery", (*run.Result).CPU, 0.8},
	{"tls1000x2", []string{"gws", "gorilla"}, "CPU µs a delivery", (*run.Result).CPU, 1.05},
	{"joins", []string{"gws, telling"}, "CPU µs a join", func(r *run.Result) float64 { return r.JoinCPU }, 1.6},
	{"joins", []string{"gws"}, "RSS KB a connection", func(r *run.Result) float64 { return r.RSSConn }, 1.1},
}

const quickRounds = 3

// quick measures each bar for a short time, prints the ratios, and reports whether all are below
// their bars, with nothing lost. Of several rounds the median counts; in each, the peers come one
// after the other.
func quick(o run.Options) (ok bool) {
	o.Time, o.Warm = 1200*time.Millisecond, 300*time.Millisecond
	all := map[string]run.Case{}
	for _, c := range run.Cases() {
		all[c.Name] = c
	}
	ok = true
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "case\tfigure\tchat\tbest peer\t\tratio\tat most\t")
	for _, b := range bars {
		c := all[b.name]
		c.Time = o.Time
		best, figures, err := b.measure(&c, o)
		if err != nil {
			log.Print(err)
			ok = false
			continue
		}
		own, other := median(figures["chat"]), median(figures[best])
		var ratios []float64
		for i, f := range figures["chat"] {
			ratios = append(ratios, f/figures[best][i])
		}
		verdict := ""
		if median(ratios) > b.most {
			verdict, ok = "OVER", false
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.2f\t%s\t%.2f\t%.2f\t%s\n", b.name, b.figure, own, other, best, median(ratios), b.most, verdict)
	}
	w.Flush()
	return ok
}

// measure returns the figures of chat and of its peers by name, a figure a round, and the peer whose
// median is the lowest.
func (b *bar) measure(c *run.Case, o run.Options) (best string, figures map[string][]float64, err error) {
	figures = map[string][]float64{}
	for round := range quickRounds {
		names := append([]string{"chat"}, b.peers...)
		for i := range names {
			name := names[(i+round)%len(names)]
			at := slices.IndexFunc(c.Peers, func(p run.Peer) bool { return p.Name == name })
			if at < 0 {
				return "", nil, fmt.Errorf("%s has no peer %s", c.Name, name)
			}
			r, err := run.One(c, c.Peers[at], o)
			if err != nil {
				return "", nil, err
			}
			if name == "chat" && (r.Lost > 0 || c.Sort == run.Flow && r.Share < 0.9) {
				return "", nil, fmt.Errorf("%s: chat lost %d connections, and delivered %.0f %%", c.Name, r.Lost, 100*r.Share)
			}
			figures[name] = append(figures[name], b.of(&r))
		}
	}
	best = slices.MinFunc(b.peers, func(x, y string) int { return cmp.Compare(median(figures[x]), median(figures[y])) })
	return best, figures, nil
}

func median(all []float64) float64 { return slices.Sorted(slices.Values(all))[len(all)/2] }

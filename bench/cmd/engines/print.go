//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

func (r *results) print(engines []*engine) {
	table := func(title string, cell func(e *engine, l load) string) {
		fmt.Printf("\n| %s |", title)
		for _, l := range loads {
			fmt.Printf(" %s |", l)
		}
		fmt.Printf("\n| --- |%s\n", strings.Repeat(" ---: |", len(loads)))
		for _, e := range engines {
			fmt.Printf("| %s |", e.name)
			for _, l := range loads {
				fmt.Printf(" %s |", cell(e, l))
			}
			fmt.Println()
		}
	}
	of := func(e *engine, l load, pick func(rateOf) float64) float64 {
		var all []float64
		for _, x := range r.rates[e.name][l] {
			all = append(all, pick(x))
		}
		return median(all)
	}
	fmt.Printf("A sync of the disk takes %v.\n", r.sync.Round(10*time.Microsecond))
	table("appends/s", func(e *engine, l load) string {
		return fmt.Sprintf("%.0f", of(e, l, func(x rateOf) float64 { return x.appends }))
	})
	if r.rates[peer] != nil {
		table("times "+peer, func(e *engine, l load) string {
			var ratios []float64
			for i, x := range r.rates[e.name][l] {
				ratios = append(ratios, x.appends/r.rates[peer][l][i].appends)
			}
			return fmt.Sprintf("%.2f", median(ratios))
		})
	}
	table("µs of processor: client and Redis", func(e *engine, l load) string {
		s := fmt.Sprintf("%.1f", of(e, l, func(x rateOf) float64 { return x.self }))
		if e.redis != nil {
			s += fmt.Sprintf(" + %.1f", of(e, l, func(x rateOf) float64 { return x.redis }))
		}
		return s
	})
	fmt.Print("\n| log | delay p50 | p99 |\n| --- | ---: | ---: |\n")
	for _, e := range engines {
		if d := r.delays[e.name]; e.members {
			fmt.Printf("| %s | %.2f ms | %.2f ms |\n", e.name, median(d[0]), median(d[1]))
		}
	}
	fmt.Print("\n| bytes in Redis | a room with one event | a kept event | an id |\n| --- | ---: | ---: | ---: |\n")
	for _, e := range engines {
		if s, ok := r.spaces[e.name]; ok {
			fmt.Printf("| %s | %.0f | %.0f | %.0f |\n", e.name, s[0], s[1], s[2])
		}
	}
}

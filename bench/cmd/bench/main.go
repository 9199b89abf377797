//go:build linux

// Command bench runs the servers of cmd/server in turn under the same load. It writes their
// costs to RESULTS.md and results.svg.
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

	"github.com/seed-08328bfd/chat/bench/internal/proc"
	"github.com/seed-08328bfd/chat/bench/internal/report"
	"github.com/seed-08328bfd/chat/bench/internal/run"
)

func main() {
	log.SetFlags(0)
	only := flag.String("case", "", "only these cases, by name, separated by commas; \"list\" lists them")
	kinds := flag.String("kind", "", "only these kinds of server, separated by commas")
	length := flag.Duration("time", 4*time.Second, "`duration` of a measurement")
	warm := flag.Duration("warm", time.Second, "`duration` of the load before it")
	runs := flag.Int("runs", 3, "runs of each case on each server; the figures are medians")
	profile := flag.String("pprof", "", "folder for CPU profiles of the servers")
	out := flag.String("out", "", "folder for RESULTS.md and results.svg; default: this folder if every case is run, otherwise none")
	server := flag.String("server", "", "a built cmd/server to measure, to compare it with another one; default: the present code")
	short := flag.Bool("quick", false, "measure the most important figures in under three minutes, and fail if one is over its bar")
	flag.Parse()
	if *only == "list" {
		for _, c := range run.Cases() {
			fmt.Printf("%-12s %s\n", c.Name, c.Title)
		}
		return
	}
	if *out == "" && *only == "" && *kinds == "" {
		*out = "."
	}
	cases := choose(*only, *kinds)
	if len(cases) == 0 {
		log.Fatal("bench: no such case or kind; -case list lists the cases")
	}
	if err := proc.RaiseFiles(); err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o := run.Options{Binary: filepath.Join(dir, "server"), Time: *length, Warm: *warm, Profile: *profile}
	if *server != "" {
		o.Binary = *server
	} else {
		build := exec.Command("go", "build", "-o", o.Binary, "github.com/seed-08328bfd/chat/bench/cmd/server")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			log.Fatal("bench: ", err)
		}
	}
	if *short {
		if !quick(o) {
			os.RemoveAll(dir)
			os.Exit(1)
		}
		return
	}
	results := measure(cases, *runs, o)
	command := strings.Join(append([]string{"go run ./cmd/bench"}, withoutOut(os.Args[1:])...), " ")
	if err := write(*out, cases, results, command, o.Binary); err != nil {
		log.Fatal(err)
	}
}

// withoutOut returns args without the folder that results are written to.
func withoutOut(args []string) (rest []string) {
	for i := 0; i < len(args); i++ {
		switch name, _, hasValue := strings.Cut(strings.TrimLeft(args[i], "-"), "="); {
		case name != "out":
			rest = append(rest, args[i])
		case !hasValue:
			i++
		}
	}
	return rest
}

// choose returns the cases to run, with the peers to run them on.
func choose(only, kinds string) (cases []run.Case) {
	for _, c := range run.Cases() {
		if only != "" && !slices.Contains(strings.Split(only, ","), c.Name) {
			continue
		}
		c.Peers = slices.DeleteFunc(c.Peers, func(p run.Peer) bool {
			return kinds != "" && !slices.Contains(strings.Split(kinds, ","), p.Kind)
		})
		if len(c.Peers) > 0 {
			cases = append(cases, c)
		}
	}
	return cases
}

// measure goes through the peers of a case one after another, and then again. So the runs of
// different peers are close in time. Each round begins with another peer.
func measure(cases []run.Case, runs int, o run.Options) report.Results {
	results := report.Results{}
	for i := range cases {
		c := &cases[i]
		n := runs
		if c.Runs > 0 {
			n = min(n, c.Runs)
		}
		for round := range n {
			for j := range c.Peers {
				p := c.Peers[(j+round)%len(c.Peers)]
				r, err := run.One(c, p, o)
				if err != nil {
					log.Print(err)
				} else {
					log.Print(report.Line(c, &r))
					if r.Log != "" {
						log.Print("  its log begins: ", r.Log)
					}
				}
				results.Add(c.Name, p.Name, round, r, err)
			}
		}
	}
	return results
}

func write(dir string, cases []run.Case, results report.Results, command, binary string) error {
	if dir == "" {
		return report.Tables(os.Stdout, cases, results)
	}
	f, err := os.Create(filepath.Join(dir, "RESULTS.md"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := report.Page(f, cases, results, command, binary); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "results.svg"), report.Chart(cases, results), 0o666)
}

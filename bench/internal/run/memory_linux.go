package run

import (
	"fmt"
	"time"

	"github.com/seed-08328bfd/chat/bench/internal/load"
	"github.com/seed-08328bfd/chat/bench/internal/proc"
)

// joinLimit is how long all users together may take to join; with many rooms each, they are
// told of each other tens of millions of times.
const joinLimit = 20 * time.Minute

// Memory is what users who do nothing cost a server.
type Memory struct {
	Heap, Stack float64       // live bytes per user
	RSS         float64       // bytes per user, over what the server had before the first
	Released    float64       // the same after the server has given back what it does not use; only of [Join]
	Took        time.Duration // until all had joined
	CPU         time.Duration // of the server, until all had been told of all joins
}

// usage is what a server uses.
type usage struct {
	proc.Usage
	heap, stack float64
}

// usage asks the server for its live memory too, which collects its garbage after the rest
// was read.
func (s *Server) usage() (u usage, err error) {
	if u.Usage, err = proc.Read(s.pid()); err != nil {
		return u, err
	}
	line, err := s.ask("heap")
	if err != nil {
		return u, err
	}
	_, err = fmt.Sscan(line, &u.heap, &u.stack)
	return u, err
}

// join has all users of l join, and measures what they cost when everything is quiet again.
func (s *Server) join(l *load.Load, conns float64) (m Memory, err error) {
	empty, err := s.usage()
	if err != nil {
		return m, err
	}
	if m.Took, err = l.Join(joinLimit); err != nil {
		return m, err
	}
	if err := l.Quiet(joinLimit); err != nil {
		return m, err
	}
	full, err := s.usage()
	if err != nil {
		return m, err
	}
	m.CPU = full.User + full.System - empty.User - empty.System
	m.Heap, m.Stack = (full.heap-empty.heap)/conns, (full.stack-empty.stack)/conns
	m.RSS = float64(full.RSS-empty.RSS) / conns
	return m, nil
}

// Join has the users of plan join a server, and returns what they cost it when they do
// nothing. Of plan, Addr and Centrifuge are set here. With the name of a file, a profile of
// the server's heap is written to it.
func Join(p Peer, plan load.Plan, binary, profile string) (m Memory, err error) {
	s, err := Start(binary, append([]string{"-kind", p.Kind, "-pprof", profile}, p.Args...)...)
	if err != nil {
		return m, err
	}
	defer func() {
		if e := s.Stop(); e != nil && err == nil {
			err = e
		}
		if err != nil {
			err = fmt.Errorf("%s: %w\n%s", p.Name, err, s.stderr.Bytes())
		}
	}()
	plan.Addr, plan.Centrifuge = s.Addr, p.Kind == "centrifuge"
	l, err := load.New(plan)
	if err != nil {
		return m, err
	}
	defer l.Close()
	empty, err := s.released()
	if err != nil {
		return m, err
	}
	conns := float64(plan.Conns())
	if m, err = s.join(l, conns); err != nil {
		return m, err
	}
	full, err := s.released()
	if err != nil {
		return m, err
	}
	m.Released = (full - empty) / conns
	if profile != "" {
		_, err = s.ask("heapprofile")
	}
	return m, err
}

// released has the server give back what it does not use, and returns its RSS in bytes.
func (s *Server) released() (float64, error) {
	if _, err := s.ask("release"); err != nil {
		return 0, err
	}
	u, err := proc.Read(s.pid())
	return float64(u.RSS), err
}

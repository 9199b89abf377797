// Package run starts servers in separate processes, puts load on them, and measures what it
// costs them.
package run

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/bench/internal/load"
	"github.com/seed-08328bfd/chat/bench/internal/proc"
)

// A Result is the result of one run.
type Result struct {
	Case, Peer string

	Rate         float64 // deliveries per second
	Share        float64 // the share of the due deliveries that arrived
	User, System float64 // server's processor time per delivery, in microseconds
	P50, P99     float64 // milliseconds
	Max          float64
	Bytes        float64 // on the wire per delivery
	Lost         int     // connections ended by the server

	RSS     float64 // MiB at the end
	RSSConn float64 // KB per connection, without what the server used before the first
	Heap    float64 // KB of live heap per connection
	Stack   float64 // KB of stacks per connection
	Idle    float64 // percent of one processor during the measurement
	Joins   float64 // joins per second
	JoinCPU float64 // server's processor time per join, in microseconds

	Load   float64 // processors that the load generator kept busy
	Others float64 // processors that all other processes kept busy

	Log string // the first lines of the server's error output
}

// CPU is the server's processor time per delivery in microseconds.
func (r *Result) CPU() float64 { return r.User + r.System }

// Options are common to all runs.
type Options struct {
	Binary  string        // of cmd/server
	Time    time.Duration // of a measurement
	Warm    time.Duration // of load before it
	Profile string        // folder for CPU profiles, if not empty
}

// One makes one run of a case on a peer.
func One(c *Case, p Peer, o Options) (res Result, err error) {
	args := append([]string{"-kind", p.Kind}, p.Args...)
	if c.Plan.TLS {
		args = append(args, "-tls")
	}
	if o.Profile != "" {
		name := strings.NewReplacer(" ", "", ",", "-").Replace(c.Name + "-" + p.Name)
		args = append(args, "-pprof", filepath.Join(o.Profile, name+".prof"))
	}
	s, err := Start(o.Binary, args...)
	if err != nil {
		return res, err
	}
	defer func() {
		if e := s.Stop(); e != nil && err == nil {
			err = e
		}
		if err != nil {
			err = fmt.Errorf("%s on %s: %w\n%s", c.Name, p.Name, err, s.stderr.Bytes())
		}
		res.Log = firstLines(s.stderr.String(), 2)
	}()
	if c.Time > 0 {
		o.Time = c.Time
	}
	return s.measure(c, p, o)
}

func (s *Server) measure(c *Case, p Peer, o Options) (res Result, err error) {
	plan := c.Plan
	plan.Addr = s.Addr
	plan.Centrifuge = p.Kind == "centrifuge"
	plan.Deflate = slices.Contains(p.Args, "-compress")
	l, err := load.New(plan)
	if err != nil {
		return res, err
	}
	defer l.Close()
	conns := float64(plan.Conns())
	res = Result{Case: c.Name, Peer: p.Name}
	empty, err := proc.Read(s.pid())
	if err != nil {
		return res, err
	}
	if err := s.enter(c, l, &res, conns); err != nil {
		return res, err
	}
	if c.Sort == Idle {
		l.Run(2 * time.Second) // until it is quiet
	} else {
		if err := l.Sync(5 * time.Minute); err != nil {
			return res, err
		}
		l.Run(o.Warm)
	}
	if o.Profile != "" {
		if _, err := s.ask("profile"); err != nil {
			return res, err
		}
	}
	before, err := proc.Read(s.pid())
	if err != nil {
		return res, err
	}
	busy, self := proc.Busy(), proc.Self()
	stats := l.Run(o.Time)
	after, err := proc.Read(s.pid())
	if err != nil {
		return res, err
	}
	busy, self = proc.Busy()-busy, proc.Self()-self
	if o.Profile != "" {
		if _, err := s.ask("stop"); err != nil {
			return res, err
		}
	}
	user, system := after.User-before.User, after.System-before.System
	secs, n := stats.Time.Seconds(), float64(max(stats.Deliveries, 1))
	active := plan.Members - int(plan.Stalled*float64(plan.Members))
	res.Rate = float64(stats.Deliveries) / secs
	res.Share = float64(stats.Deliveries) / max(1, float64(stats.Sent)*float64(active))
	res.User, res.System = micro(user)/n, micro(system)/n
	res.P50, res.P99 = milli(stats.Latency.Quantile(0.5)), milli(stats.Latency.Quantile(0.99))
	res.Max = milli(stats.Latency.Max())
	res.Bytes = float64(stats.Bytes) / n
	res.Lost = stats.Lost
	res.RSS = float64(after.RSS) / (1 << 20)
	if c.Sort != Many {
		res.RSSConn = float64(after.RSS-empty.RSS) / 1000 / conns
	}
	res.Idle = 100 * (user + system).Seconds() / secs
	res.Load = self.Seconds() / secs
	res.Others = max(0, (busy-self-user-system).Seconds()/secs)
	if c.Sort == Idle {
		line, err := s.ask("heap")
		if err != nil {
			return res, err
		}
		var heap, stack float64
		if _, err := fmt.Sscan(line, &heap, &stack); err != nil {
			return res, err
		}
		if o.Profile != "" {
			if _, err := s.ask("heapprofile"); err != nil {
				return res, err
			}
		}
		res.Heap, res.Stack = heap/1000/conns, stack/1000/conns
	}
	return res, nil
}

// enter has everybody join, and notes what that cost the server.
func (s *Server) enter(c *Case, l *load.Load, res *Result, conns float64) error {
	if c.Sort == Many {
		m, err := s.join(l, conns)
		res.Joins, res.JoinCPU = conns/m.Took.Seconds(), micro(m.CPU)/conns
		res.RSSConn, res.Heap, res.Stack = m.RSS/1000, m.Heap/1000, m.Stack/1000
		return err
	}
	empty, err := proc.Read(s.pid())
	if err != nil {
		return err
	}
	took, err := l.Join(2 * time.Minute)
	if err != nil {
		return err
	}
	joined, err := proc.Read(s.pid())
	if err != nil {
		return err
	}
	res.Joins = conns / took.Seconds()
	res.JoinCPU = micro(joined.User+joined.System-empty.User-empty.System) / conns
	return nil
}

func firstLines(s string, n int) string {
	lines := strings.SplitAfterN(s, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "")
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// A Server is a running process of cmd/server.
type Server struct {
	Addr   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// Start starts the server with the given arguments.
func Start(binary string, args ...string) (*Server, error) {
	s := &Server{cmd: exec.Command(binary, args...)}
	s.cmd.Stderr = &s.stderr
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.in, s.out = in, bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if s.Addr, err = s.line(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("server did not start: %w\n%s", err, s.stderr.Bytes())
	}
	return s, nil
}

func (s *Server) pid() int { return s.cmd.Process.Pid }

func (s *Server) line() (string, error) {
	line, err := s.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (s *Server) ask(order string) (string, error) {
	if _, err := io.WriteString(s.in, order+"\n"); err != nil {
		return "", err
	}
	return s.line()
}

// Stop ends the process and waits for it.
func (s *Server) Stop() error {
	s.in.Close() // the server ends when its standard input ends
	return s.cmd.Wait()
}

//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// TestSignal ends the program by a signal. Most members close, and one does not read.
func TestSignal(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) { endBy(t, sig) })
	}
	t.Run("twice", func(t *testing.T) {
		for range 5 {
			if endByTwo(t) {
				return
			}
		}
		t.Error("the second interrupt always came too late")
	})
}

// start runs the program. It returns the address that the program prints, and its further
// output.
func start(t *testing.T) (*exec.Cmd, string, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), mainRuns+"=1")
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the program printed nothing")
	}
	m := opened.FindStringSubmatch(lines.Text())
	if m == nil {
		t.Fatalf("the program printed %q", lines.Text())
	}
	return cmd, m[1], lines
}

func endBy(t *testing.T, sig os.Signal) {
	cmd, url, lines := start(t)
	const members = 20
	ended := make(chan error, members)
	for i := range members {
		var protocols []string
		if i%2 == 0 {
			protocols = []string{"chat.v1"}
		}
		c := enter(t, fmt.Sprintf("%s/ws/room%d", url, i%3), protocols...)
		go func() {
			for {
				if _, _, err := c.Read(context.Background()); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	enter(t, url+"/ws/room1?username=Silent") // does not read, and does not close

	began := time.Now()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	for range members {
		if err := <-ended; ws.CloseStatus(err) != 1001 {
			t.Errorf("a member got %v, want 1001", err)
		}
	}
	for lines.Scan() { // read all output, before Wait closes the pipe
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	if took := time.Since(began); took > shutdownTime+10*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
}

// enter dials, and waits until the connection is a member. That is a moment after it was
// accepted.
func enter(t *testing.T, url string, protocols ...string) *ws.Conn {
	t.Helper()
	c := dial(t, url, protocols...)
	if len(protocols) == 0 {
		write(t, c, "hello")
	}
	if _, err := read(t, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// endByTwo interrupts the program repeatedly while a member that does not read delays the
// shutdown for two seconds. The program must end immediately. It returns false if the program
// ended before the second signal.
func endByTwo(t *testing.T) bool {
	cmd, url, _ := start(t)
	enter(t, url+"/ws/general?username=Silent")
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for began := time.Now(); ; {
		cmd.Process.Signal(os.Interrupt) // the process may have ended
		select {
		case <-done:
			if cmd.ProcessState.Success() && time.Since(began) > time.Second {
				return false
			}
			if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() || s.Signal() != syscall.SIGINT {
				t.Errorf("the program ended with %v", cmd.ProcessState)
			}
			return true
		case <-time.After(20 * time.Millisecond):
		}
	}
}

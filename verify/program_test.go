package verify

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// program is a server that is started, ended and started again.
type program struct {
	t     *testing.T
	path  string
	args  []string
	as    *user.User // nil: the user of the tests
	env   []string   // beside the environment of the tests
	log   string     // the file for its output; empty: none
	ready func(context.Context) error

	running *exec.Cmd
	exited  chan struct{}
}

func (p *program) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = attributes()
	if p.as != nil {
		runAs(cmd.SysProcAttr, p.as)
	}
	return cmd
}

func (p *program) start() {
	first := p.running == nil
	cmd, exited, started := p.command(p.path, p.args...), make(chan struct{}), make(chan error)
	cmd.Env = append(os.Environ(), p.env...)
	var out *os.File
	if p.log != "" {
		var err error
		if out, err = os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			p.t.Error(err)
			return
		}
		cmd.Stdout, cmd.Stderr = out, out
	}
	go func() {
		runtime.LockOSThread() // the kernel ends the program when the thread that started it ends
		defer close(exited)
		defer out.Close() // Close of a nil file does nothing
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		p.t.Error(err)
		return
	}
	p.running, p.exited = cmd, exited
	if first {
		p.t.Cleanup(func() { p.stop(syscall.SIGQUIT) })
	}
}

// signal sends a signal to the program.
func (p *program) signal(sig syscall.Signal) { p.running.Process.Signal(sig) }

// stop ends the program with a signal.
func (p *program) stop(sig syscall.Signal) {
	p.signal(sig)
	<-p.exited
}

// wait returns when the program answers.
func (p *program) wait() {
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err = p.ready(ctx)
		cancel()
		if err == nil {
			return
		}
	}
	p.t.Errorf("%s does not answer: %v", p.path, err)
}

// temporary returns a folder with a path that is short enough for a Unix socket.
func temporary(t *testing.T) string {
	dir, err := os.MkdirTemp("/tmp", "verify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// find returns the path of a program. If it is not installed, the test is skipped, except in CI,
// where it fails.
func find(t *testing.T, name string, patterns ...string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, p := range patterns {
		if found, _ := filepath.Glob(p); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// account makes the user that runs PostgreSQL the owner of dir. PostgreSQL never runs as root.
func account(t *testing.T, dir string) *user.User {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return u
}

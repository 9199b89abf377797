package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// start runs a server until stop is called or this process ends.
func start(as *syscall.Credential, name string, args ...string) (stop func(), err error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/tmp"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: as}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
	}, nil
}

func startRedis(dir string) (addr string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	stop, err = start(nil, "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--loglevel", "warning")
	if err != nil {
		return "", nil, err
	}
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr, stop, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	return "", nil, errors.New("redis-server does not answer")
}

func startPostgres(dir string) (dsn string, stop func(), err error) {
	find := func(name string) (string, error) {
		if p, err := exec.LookPath(name); err == nil {
			return filepath.EvalSymlinks(p)
		}
		// Debian does not put PostgreSQL's server programs in PATH.
		if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
			return found[len(found)-1], nil
		}
		return "", fmt.Errorf("%s not found: install PostgreSQL", name)
	}
	initdb, err := find("initdb")
	if err != nil {
		return "", nil, err
	}
	postgres := filepath.Join(filepath.Dir(initdb), "postgres")
	data := filepath.Join(dir, "pg")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Chmod(dir, 0o755)); err != nil {
		return "", nil, err
	}
	var as *syscall.Credential
	if os.Getuid() == 0 { // PostgreSQL does not run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return "", nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(data, uid, gid); err != nil {
			return "", nil, err
		}
	}
	cmd := exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.Dir = "/tmp"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	stop, err = start(as, postgres, "-D", data, "-k", data, "-c", "listen_addresses=")
	if err != nil {
		return "", nil, err
	}
	dsn = fmt.Sprintf("host=%s user=postgres dbname=postgres pool_max_conns=16", data)
	for range 200 {
		c, err := pgx.Connect(context.Background(), fmt.Sprintf("host=%s user=postgres dbname=postgres", data))
		if err == nil {
			c.Close(context.Background())
			return dsn, stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return "", nil, errors.New("postgres does not answer")
}

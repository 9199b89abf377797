package main

import (
	"os"
	"os/user"
	"syscall"
	"testing"
)

// Windows can end a process, and has no other signals. Tests that need more fail there, but they
// compile.
const (
	stopSignal = syscall.Signal(0x13)
	contSignal = syscall.Signal(0x12)
)

func (p program) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	process, err := os.FindProcess(p.pid)
	if err == nil {
		err = process.Signal(sig)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// runAs does nothing: it is for root, which Windows does not have.
func runAs(*syscall.SysProcAttr, *user.User) {}

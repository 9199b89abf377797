package pglog_test

import (
	"os"
	"os/user"
	"syscall"
)

// Windows can end a process, and has no other signals. Tests that need more fail there, but they
// compile.
const (
	stopSignal = syscall.Signal(0x13)
	contSignal = syscall.Signal(0x12)
	quitSignal = syscall.SIGKILL
)

func kill(pid int, s syscall.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		p.Signal(s)
	}
}

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

// children returns nothing: Windows ends the children of a process with it.
func children(int) []int { return nil }

// runAs does nothing: it is for root, which Windows does not have.
func runAs(*syscall.SysProcAttr, *user.User) {}

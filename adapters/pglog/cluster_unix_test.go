//go:build unix

package pglog_test

import (
	"os/user"
	"strconv"
	"syscall"
)

// stopSignal pauses a process until contSignal.
const (
	stopSignal = syscall.SIGSTOP
	contSignal = syscall.SIGCONT
	quitSignal = syscall.SIGQUIT
)

func kill(pid int, s syscall.Signal) { syscall.Kill(pid, s) }

// runAs makes cmd run as another user.
func runAs(attr *syscall.SysProcAttr, u *user.User) {
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

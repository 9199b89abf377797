//go:build unix

package redislog_test

import "syscall"

// stopSignal pauses a process until contSignal.
const (
	stopSignal = syscall.SIGSTOP
	contSignal = syscall.SIGCONT
)

func kill(pid int, s syscall.Signal) { syscall.Kill(pid, s) }

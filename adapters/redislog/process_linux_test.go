package redislog_test

import "syscall"

// attributes has a server end with the tests, however those end.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

package verify

import "syscall"

// attributes has a program end with the tests, however those end.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

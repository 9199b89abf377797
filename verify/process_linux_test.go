package verify

import "syscall"

// attributes makes the kernel end a program when the tests end, for any reason.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

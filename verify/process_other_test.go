//go:build !linux

package verify

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

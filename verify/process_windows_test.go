package verify

import (
	"os/user"
	"syscall"
)

// runAs does nothing: it is for root, which Windows does not have.
func runAs(*syscall.SysProcAttr, *user.User) {}

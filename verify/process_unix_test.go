//go:build unix

package verify

import (
	"os/user"
	"strconv"
	"syscall"
)

// runAs makes a process run as another user.
func runAs(attr *syscall.SysProcAttr, u *user.User) {
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

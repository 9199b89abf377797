//go:build !linux || noraw || 386 || s390x

package wsconn

import "syscall"

func (*Prober) room(syscall.RawConn) int { return 0 }

func (*Prober) askRoom(uintptr) {}

//go:build !unix || noraw

package chat

import (
	"net"
	"sync"
	"syscall"
)

// bare returns nil: without a way to write that cannot block, every member
// behind is served by a goroutine.
func bare(net.Conn) syscall.RawConn { return nil }

type prober struct{}

var probers = sync.Pool{New: func() any { return new(prober) }}

func (*prober) try(syscall.RawConn, []byte) (int, error) { return 0, nil }

func (*input) tryRead(uintptr) bool { panic("chat: no raw connections here") }

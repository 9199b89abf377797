// Package load puts a server under load and measures its costs. All its tests except
// [TestNothingStays] take minutes, and are compiled only with the build tag load. Server and
// clients are one process, so processor times include both.
package load

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Short names for what clients send in these tests.
const (
	finText = wsconf.Fin | wsconf.Text
	finCont = wsconf.Fin | wsconf.Continuation
	finPing = wsconf.Fin | wsconf.Ping
	finPong = wsconf.Fin | wsconf.Pong
)

var fr = wsconf.Frame

// Package faults checks the promises of servers while the log, the network or the program around
// them fails, and at the limits of what they hold.
package faults

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Short names for what clients send in these tests.
const (
	finText   = wsconf.Fin | wsconf.Text
	finBinary = wsconf.Fin | wsconf.Binary
	finClose  = wsconf.Fin | wsconf.Close
)

var fr = wsconf.Frame

// Package torture has clients lose their connections, come back and resend, and
// checks that everybody has seen everything, once and in order. Bugs are planted to
// prove that it would find them.
package torture

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Package hostile sends what no good client sends, by sockets, frames, objects and
// requests. In each table a healthy member sits in the same room, and must notice
// nothing.
package hostile

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

package chattest

import (
	"testing"

	"github.com/seed-08328bfd/chat"
)

func TestMemoryLog(t *testing.T) {
	l := chat.NewMemoryLog(0)
	TestLog(t, func(*testing.T) chat.Log { return l })
}

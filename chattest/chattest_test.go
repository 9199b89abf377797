package chattest

import (
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

func TestMemoryLog(t *testing.T) {
	for name, history := range map[string]int{"default": 0, "large": 3000} {
		t.Run(name, func(t *testing.T) {
			l := chat.NewMemoryLog(chat.MemoryOptions{Entries: history})
			TestLog(t, func(*testing.T) chatlog.Log { return l })
		})
	}
}

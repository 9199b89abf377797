package names_test

import (
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/names"
)

// BenchmarkSafe measures the most expensive names beside an ordinary one.
func BenchmarkSafe(b *testing.B) {
	for name, text := range map[string]string{
		"everyday": "Олег (Oleg)", "joined": strings.Repeat("😀\u200d", 600), "marks": "a" + strings.Repeat("\u0300\u0323", 1000),
		"joiners": "ب" + strings.Repeat("\u064b\u200c", 1000), "circles": strings.Repeat("\u0e4d\u0e48\u0e32", 450),
		"ligatures": strings.Repeat("\ufdfa", 1300), "virama": strings.Repeat("\u0915\u094d\u200d", 450), "tags": "🏴" + strings.Repeat("\U000e0067", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				names.Safe(text)
			}
		})
	}
}

package otel_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/snippets"
)

// TestSnippets compiles the code in the README and in the package's documentation.
func TestSnippets(t *testing.T) {
	imports := map[string]string{"otel": "github.com/seed-08328bfd/chat/adapters/otel"}
	for _, file := range []string{"README.md", "otel.go"} {
		snippets.Vet(t, file, snippets.Blocks(t, file, "chat."), imports)
	}
}

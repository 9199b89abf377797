package jwtauth_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/jwtauth"
	"github.com/seed-08328bfd/chat/internal/test/snippets"
)

// TestSnippets compiles the code in the README and in the package's documentation.
func TestSnippets(t *testing.T) {
	imports := map[string]string{"jwtauth": "github.com/seed-08328bfd/chat/adapters/jwtauth"}
	for _, file := range []string{"README.md", "jwtauth.go"} {
		snippets.Vet(t, file, snippets.Blocks(t, file, "chat."), imports)
	}
}

// TestREADME runs the README's program to get a token, and gives it to an authenticator like the
// program's.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(readme), "```go\n")
	program, _, ok := strings.Cut(program, "```")
	if !ok {
		t.Fatal("no program in README.md")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", file, "token")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	a := mustNew(t, jwtauth.WithKey("", "HS256", []byte("change me: at least 32 random bytes")),
		jwtauth.WithIssuer("my-login"), jwtauth.WithAudience("chat"))
	if u, err := ask(a, watch(strings.TrimSpace(string(out)))); err != nil || u.ID != "u1" || u.Name != "Alice" {
		t.Errorf("%+v, %v", u, err)
	}
}

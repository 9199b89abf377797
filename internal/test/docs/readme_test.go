package docs

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/test/ports"
	"github.com/seed-08328bfd/chat/internal/test/snippets"
)

// TestProgram builds and runs the program of README.md. Two users talk, the program serves its
// page, and an interrupt shuts it down gracefully.
func TestProgram(t *testing.T) {
	t.Chdir("../../..")
	var program string
	for _, code := range snippets.Blocks(t, "README.md") {
		if strings.HasPrefix(code, "package main\n") {
			program = code
		}
	}
	if n := strings.Count(program, "\n"); n == 0 || n > 26 {
		t.Fatalf("a program of %d lines", n)
	}
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + port
	dir := t.TempDir()
	main := snippets.Write(t, filepath.Join(dir, "main.go"), strings.Replace(program, "localhost:8080", addr, 1))
	binary := filepath.Join(dir, "talk.exe")
	snippets.Go(t, "README.md", "build", "-o", binary, main)
	cmd := exec.Command(binary)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer cmd.Process.Kill()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		resp, err := http.Get("http://" + addr + "/")
		if err == nil {
			if resp.Body.Close(); resp.StatusCode != http.StatusOK {
				t.Fatalf("the page: %s", resp.Status)
			}
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("ended: %v\n%s", err, log.Bytes())
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	alice, err := client.Dial(ctx, "http://"+addr, "general", client.WithUsername("Alice"))
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	bob, err := client.Dial(ctx, "http://"+addr, "general", client.WithUsername("Bob"))
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Close()
	if _, err := alice.Send(ctx, "Hello!"); err != nil {
		t.Fatal(err)
	}
	for e, err := range bob.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == chat.TypeMessage {
			if e.Text != "Hello!" || e.Username != "Alice" {
				t.Errorf("%+v", e)
			}
			break
		}
	}
	if runtime.GOOS == "windows" {
		return // this system cannot send an interrupt
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended: %v\n%s", err, log.Bytes())
		}
	case <-ctx.Done():
		t.Error("the program does not end after an interrupt")
	}
}

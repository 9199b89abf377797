package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/client"
)

// TestSQLite keeps rooms in a file. They are there after the server was stopped, and after it was
// killed. A second server on the file does not start.
func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	for run, want := range [][]string{{}, {"edited 0"}, {"edited 0", "edited 1"}} {
		p := start(t, nil, "-sqlite", path)
		eventually(t, "ready", func() bool { status, _ := get(t, p.url+"/readyz", ""); return status == http.StatusOK })
		_, page := get(t, p.url+"/rooms/room/messages", "")
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("run %d: the history lacks %q: %s", run, text, page)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := client.Dial(ctx, p.url, "room", client.WithUsername("Ann"), client.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		said, err := c.Publish(ctx, chat.Message{Text: "first text"})
		if err == nil {
			_, err = c.Edit(ctx, said, chat.Message{Text: fmt.Sprint("edited ", run)})
		}
		if err != nil {
			t.Fatal(err)
		}
		if code, out := exit(t, nil, "-addr", "127.0.0.1:0", "-sqlite", path); code != 1 || !strings.Contains(out, "in use") {
			t.Errorf("a second server on the file: exit code %d: %s", code, out)
		}
		c.Close()
		if run == 0 {
			if code := p.stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if _, err := os.Stat(path + "-wal"); err == nil {
				t.Error("the file was not closed")
			}
		} else {
			p.cmd.Process.Kill()
			<-p.ended
		}
	}
}

// TestOptional checks that the log of each engine has all optional interfaces. The server offers
// edits, reactions and read markers only then.
func TestOptional(t *testing.T) {
	for _, args := range [][]string{
		{"-redis", "redis://127.0.0.1:1"}, {"-postgres", "postgres://u@127.0.0.1:1/db"}, {"-sqlite", filepath.Join(t.TempDir(), "chat.db")},
	} {
		cfg, err := parse(args, func(string) (string, bool) { return "", false }, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		e, err := openEngine(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, amender := e.log.(chatlog.Amender)
		_, marker := e.log.(chatlog.Marker)
		_, pacer := e.log.(chatlog.Pacer)
		if !amender || !marker || !pacer {
			t.Errorf("%v: Amender %t, Marker %t, Pacer %t", args, amender, marker, pacer)
		}
		e.close()
	}
}

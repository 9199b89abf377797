package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTraffic runs tests of the root module, and checks what their servers and clients have sent to
// each other.
func TestTraffic(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		clients bool // what clients send is right, too
	}{
		{"protocol", []string{"./internal/test/protocol"}, false},
		{"client", []string{"-short", "-run", "Send|Amend|Many|Room|View|Notice|Replay", "./client"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command("go", append([]string{"test", "-C", "../..", "-count=1"}, c.args...)...)
			cmd.Env = append(os.Environ(), "CHAT_TEST_TRAFFIC="+dir, "CHAT_TEST_TLS=")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out) // what was sent says more
			}
			checkTraffic(t, dir, c.clients)
		})
	}
}

func checkTraffic(t *testing.T, dir string, clients bool) {
	t.Helper()
	schema := loadSchema(t)
	var objects, sent int
	seen := map[string]bool{} // one error per kind of object is enough
	check := func(def string, text []byte) {
		err := schema.Check(def, text)
		kind, _, _ := strings.Cut(string(text), ",")
		if err == nil || seen[def+kind] {
			return
		}
		seen[def+kind] = true
		t.Errorf("%.500s is no %s: %v", text, def, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.out"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		out, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in, err := os.ReadFile(strings.TrimSuffix(file, "out") + "in")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range exchanges(in, out) {
			def := serverDef(&e)
			for _, text := range e.FromServer {
				objects++
				check(def, text)
			}
			if !clients {
				continue
			}
			if e.V1 {
				for _, text := range e.FromClient {
					sent++
					check("ClientObject", text)
				}
			}
		}
	}
	t.Logf("%d connections, %d objects of servers, %d of clients", len(files), objects, sent)
	if objects < 1000 || clients && sent < 100 {
		t.Errorf("only %d objects of servers, and %d of clients", objects, sent)
	}
}

// serverDef returns the def of what the server sends for a request.
func serverDef(e *Exchange) string {
	path := e.Request.URL.Path
	switch {
	case e.Status == 101 && !e.V1:
		return "PlainObject"
	case e.Status == 101, e.Status == 200 && e.Request.Method == "GET" && strings.HasSuffix(path, "/events"):
		return "ServerObject"
	}
	for _, root := range []string{"/rooms", "/unread"} { // tests may mount the server below a prefix
		if i := strings.Index(path, root); i > 0 {
			path = path[i:]
		}
	}
	return answerDef(e.Request.Method+" "+path, e.Status)
}

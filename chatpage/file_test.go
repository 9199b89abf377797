package chatpage_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/seed-08328bfd/chat/chatpage"
)

// asked is the answer to a GET of path with the given header fields, in pairs.
func asked(h http.Handler, path string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestCompression(t *testing.T) {
	h := chatpage.Files()
	plain := asked(h, "/app.js")
	if e := plain.Header().Get("Content-Encoding"); e != "" {
		t.Fatalf("Content-Encoding %q without being asked for", e)
	}
	for accept, want := range map[string]string{
		"gzip, deflate, br, zstd": "gzip", "GZIP": "gzip", "br;q=1, gzip;q=0.2": "gzip", "gzip ; q = 1": "gzip",
		"": "", "br": "", "gzip;q=0": "", "gzip;q=0.000": "", "gzip;q=x": "", "identity": "", "*": "", "gzipped": "", ",;,=": "",
	} {
		w := asked(h, "/app.js", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding"); got != want || w.Code != 200 {
			t.Errorf("Accept-Encoding %q: %d with Content-Encoding %q, want %q", accept, w.Code, got, want)
		}
		if w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary is %q", accept, w.Header().Get("Vary"))
		}
	}
	z := asked(h, "/app.js", "Accept-Encoding", "br", "Accept-Encoding", "gzip")
	if z.Body.Len() >= plain.Body.Len()*2/3 {
		t.Errorf("%d of %d bytes after compression", z.Body.Len(), plain.Body.Len())
	}
	if got := z.Header().Get("Content-Type"); got != plain.Header().Get("Content-Type") {
		t.Errorf("Content-Type %q of the compressed file", got)
	}
	r, err := gzip.NewReader(z.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != plain.Body.String() {
		t.Errorf("another file after decompression (%v)", err)
	}
	// The two forms have separate tags, and each is known again.
	tag, ztag := plain.Header().Get("ETag"), z.Header().Get("ETag")
	if tag == ztag || tag == "" || ztag == "" {
		t.Errorf("tags %q and %q", tag, ztag)
	}
	if w := asked(h, "/app.js", "Accept-Encoding", "gzip", "If-None-Match", ztag); w.Code != http.StatusNotModified || w.Header().Get("ETag") != ztag || w.Body.Len() != 0 {
		t.Errorf("the same compressed file: %d %v", w.Code, w.Header())
	}
	if w := asked(h, "/app.js", "Accept-Encoding", "gzip", "If-None-Match", tag); w.Code != http.StatusOK {
		t.Errorf("the tag of the uncompressed file: %d", w.Code)
	}
	// A part is a part of the file, and not of its compressed form.
	if w := asked(h, "/app.js", "Accept-Encoding", "gzip", "Range", "bytes=3-9"); w.Code != http.StatusPartialContent || w.Body.String() != plain.Body.String()[3:10] || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("a part: %d %q %v", w.Code, w.Body, w.Header())
	}
}

// A browser must find in the page all modules that it needs before it can show anything.
func TestPreloads(t *testing.T) {
	h := chatpage.Files()
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`<link rel="modulepreload" href="([^"]+)">`).FindAllStringSubmatch(asked(h, "/").Body.String(), -1) {
		if listed[m[1]] {
			t.Errorf("%s is there twice", m[1])
		}
		listed[m[1]] = true
	}
	if len(listed) < 10 {
		t.Fatalf("only %d modules are preloaded", len(listed))
	}
	needed := map[string]bool{"app.js": true}
	for queue := []string{"app.js"}; len(queue) > 0; queue = queue[1:] {
		w := asked(h, "/"+queue[0])
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", queue[0], w.Code)
		}
		// In any form, so that one which the handler does not see is found. Comments name modules in import(), for types.
		for _, m := range regexp.MustCompile(`(?m)(?:\bfrom|^import)\s*['"]\./([^'"]+)['"]`).FindAllStringSubmatch(w.Body.String(), -1) {
			if !needed[m[1]] {
				needed[m[1]] = true
				queue = append(queue, m[1])
			}
		}
	}
	delete(needed, "app.js") // which is in the page's script element
	for name := range needed {
		if !listed[name] {
			t.Errorf("%s is needed, and not preloaded", name)
		}
	}
	for name := range listed {
		if !needed[name] {
			t.Errorf("%s is preloaded, and not needed", name)
		}
	}
}

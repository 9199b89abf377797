// Package static is the page of examples/basic, for servers beside it.
package static

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed *.html *.css *.js *.svg
var files embed.FS

// The page's files have a content type each here, because what the system says
// about extensions differs between machines.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// policy lets the page use its own files and its own server, and nothing else
// (Content Security Policy Level 3). Trusted Types make a slip such as innerHTML
// an error in place of a hole.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Handler serves index.html at / and the other files by their names.
func Handler() http.Handler {
	mux := http.NewServeMux()
	names, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are in the binary
	}
	for _, f := range names {
		data, err := files.ReadFile(f.Name())
		if err != nil {
			panic(err)
		}
		pattern := "GET /" + f.Name()
		if f.Name() == "index.html" {
			pattern = "GET /{$}"
		}
		mux.Handle(pattern, file(f.Name(), data))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		mux.ServeHTTP(w, r)
	})
}

// Beside serves the chat's paths with chat and all others with rest. A ServeMux
// would do, but it redirects paths with steps such as .. in them, and a session
// or token with them; chat refuses them. It also says what is wrong with a path of
// its own that has something before it, such as a prefix that a proxy should cut.
func Beside(chat, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for step := range strings.SplitSeq(r.URL.Path, "/") {
			if step == "ws" || step == "rooms" {
				chat.ServeHTTP(w, r)
				return
			}
		}
		rest.ServeHTTP(w, r)
	})
}

// file serves one file. Browsers keep it, and ask each time whether it is still
// the same.
func file(name string, data []byte) http.Handler {
	typ := contentTypes[path.Ext(name)]
	if typ == "" {
		panic("no content type for " + name)
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(data))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", typ)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}

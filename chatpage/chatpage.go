package chatpage

import (
	"embed"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/seed-08328bfd/chat/js"
)

//go:embed static
var static embed.FS

// policy lets the page use only its own files and its own server (Content Security Policy Level
// 3). With Trusted Types, a mistake such as innerHTML is an error and not a security hole.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Handler serves a chat with its page: srv, which is a [chat.Server] or one with
// middleware around it, at the server's own paths, and [Files] at all others. Below a
// prefix it needs [http.StripPrefix], as the server does.
//
// Handler does not end srv. Call [chat.Server.Shutdown] before that of the
// [http.Server], which does not know upgraded connections.
//
// [chat.Server]: https://pkg.go.dev/github.com/seed-08328bfd/chat#Server
// [chat.Server.Shutdown]: https://pkg.go.dev/github.com/seed-08328bfd/chat#Server.Shutdown
func Handler(srv http.Handler) http.Handler { return Beside(srv, Files()) }

// Files serves the page alone: index.html at /, and the style, the icon and the scripts by their
// names. Among them is chat.js, the client for other pages. Use Files where [Handler] does not
// fit, and for pages of your own.
//
// Browsers keep the files, and ask each time whether they have changed (Cache-Control: no-cache,
// with an ETag). Browsers that accept gzip get the files compressed. The page names the modules
// that its script imports, so that browsers load them together. Every answer has the
// Content-Security-Policy in the package's documentation. Middleware around the handler cannot
// set another one before it. Other paths get 404, and methods other than GET and HEAD get 405.
func Files() http.Handler {
	mux := http.NewServeMux()
	page, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the files are in the binary
	}
	files := map[string][]byte{}
	readFiles(files, page)
	readFiles(files, js.Files()) // beside the page's own, so that all imports are relative
	files["index.html"] = withPreloads(files["index.html"], modules(files, "app.js"))
	for name, data := range files {
		pattern := "GET /" + name
		if name == "index.html" {
			pattern = "GET /{$}"
		}
		mux.Handle(pattern, file(name, data))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if !strings.HasPrefix(r.URL.Path, "/") {
			toSlash(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// readFiles adds the files in the root of from to files.
func readFiles(files map[string][]byte, from fs.FS) {
	entries, err := fs.ReadDir(from, ".")
	if err != nil {
		panic(err) // the files are in the binary
	}
	for _, f := range entries {
		if files[f.Name()], err = fs.ReadFile(from, f.Name()); err != nil {
			panic(err)
		}
	}
}

// Beside serves srv's paths with srv and all others with rest. It is for a server at
// the root, beside other handlers:
//
//	http.ListenAndServe(addr, chatpage.Beside(srv, mux))
//
// Use it instead of mounting srv at / of an [http.ServeMux]. That redirects paths that contain
// elements such as .., together with the session or token in them. The server refuses such
// paths.
//
// Every path that contains the element ws, rooms or unread goes to srv. If such a path has
// something before the server's own path, such as a prefix that a proxy should have removed, the
// server says so. So rest must have no such paths.
func Beside(srv, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for step := range strings.SplitSeq(r.URL.Path, "/") {
			if step == "ws" || step == "rooms" || step == "unread" {
				srv.ServeHTTP(w, r)
				return
			}
		}
		rest.ServeHTTP(w, r)
	})
}

// toSlash answers requests for a path without a slash after its prefix. A prefix alone is
// redirected to the same path with a slash at the end, where the page's relative addresses find
// its files. [http.ServeMux] would redirect to the site's root. The new address is relative,
// because it is not known what was removed from the path, here or by a proxy. It begins with ./
// so that no prefix can make it an address of another site.
func toSlash(w http.ResponseWriter, r *http.Request) {
	asked, err := url.ParseRequestURI(r.RequestURI)
	if r.URL.Path != "" || err != nil || strings.HasSuffix(asked.Path, "/") {
		http.Error(w, "the path does not begin with /: http.StripPrefix wants a prefix without a slash at its end", http.StatusNotFound)
		return
	}
	to := "./" + path.Base(asked.EscapedPath()) + "/"
	if asked.RawQuery != "" {
		to += "?" + asked.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

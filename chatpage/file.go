package chatpage

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The content types of the page's files. The system's types for extensions differ between
// machines.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file serves one file, compressed to clients that accept gzip. It is compressed at the first
// such request, and kept.
func file(name string, data []byte) http.Handler {
	typ := contentTypes[path.Ext(name)]
	if typ == "" {
		panic("no content type for " + name)
	}
	sum := sha256.Sum256(data)
	compressed := sync.OnceValue(func() []byte { return compress(data) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", typ)
		h.Set("Cache-Control", "no-cache")
		h.Set("Vary", "Accept-Encoding")
		body, tag := data, fmt.Sprintf(`"%x"`, sum)
		// Parts of a file are parts of the file itself.
		if r.Header.Get("Range") == "" && acceptsGzip(r.Header) {
			if small := compressed(); len(small) < len(data) {
				h.Set("Content-Encoding", "gzip")
				body, tag = small, fmt.Sprintf(`"%x-gzip"`, sum)
			}
		}
		h.Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}

func compress(data []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level exists
	}
	_, _ = z.Write(data) // a bytes.Buffer returns no errors
	_ = z.Close()
	return b.Bytes()
}

// acceptsGzip reports whether a client has named gzip in Accept-Encoding (RFC 9110, section
// 12.5.3), with a quality that is not 0.
func acceptsGzip(h http.Header) bool {
	for _, line := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			name, parameter, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, value, _ := strings.Cut(parameter, "=")
			if !strings.EqualFold(strings.TrimSpace(q), "q") {
				return true
			}
			quality, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err == nil && quality > 0
		}
	}
	return false
}

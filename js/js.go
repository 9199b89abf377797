// Package js has the browser's client: the files of the npm package @seed-08328bfd/chat, for Go
// programs that serve them themselves. Package chatpage serves them beside its page.
package js

import (
	"embed"
	"io/fs"
)

//go:embed src
var src embed.FS

// Files returns the client's modules, such as chat.js and view.js. They lie in one folder and
// import each other by relative paths, so they work below any path. They have no dependencies
// and need no build step.
func Files() fs.FS {
	files, err := fs.Sub(src, "src")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	return files
}

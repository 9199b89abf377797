// Package proto is what server and client agree on: the names, codes and limits of
// docs/protocol.md, and the JSON text of objects, read and written by hand where that
// is done for each message.
package proto

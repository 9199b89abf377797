// Package proto is what server and client agree on: the names, codes and limits of the
// [protocol], and the JSON text of objects, read and written by hand where that is done
// for each message.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
package proto

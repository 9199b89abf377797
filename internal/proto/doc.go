// Package proto has what server and client share: the names, codes and limits of the
// [protocol], and the JSON text of objects. Objects that every message needs are read and
// written without encoding/json.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
package proto

module github.com/seed-08328bfd/chat/examples/webhook

go 1.25.0

require (
	github.com/seed-08328bfd/chat v0.0.0
	github.com/seed-08328bfd/chat/adapters/sqlitelog v0.0.0
)

require (
	github.com/ncruces/go-sqlite3 v0.35.3 // indirect
	github.com/ncruces/go-sqlite3-wasm/v3 v3.2.35304 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.40.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	nhooyr.io/websocket v1.8.17 // indirect
)

replace (
	github.com/seed-08328bfd/chat => ../..
	github.com/seed-08328bfd/chat/adapters/sqlitelog => ../../adapters/sqlitelog
)

module github.com/seed-08328bfd/chat/interop/replay

go 1.25.0

require (
	github.com/gorilla/websocket v1.5.3
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/seed-08328bfd/chat v0.0.0
)

require golang.org/x/text v0.31.0 // indirect

replace github.com/seed-08328bfd/chat => ../..

module github.com/seed-08328bfd/chat/adapters/jwtauth

go 1.25.0

require (
	github.com/MicahParks/jwkset v0.11.4
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/google/go-cmp v0.7.0
	github.com/seed-08328bfd/chat v0.0.0
	golang.org/x/time v0.15.0
)

require (
	golang.org/x/text v0.31.0 // indirect
	nhooyr.io/websocket v1.8.17 // indirect
)

replace github.com/seed-08328bfd/chat => ../..

// Package wsconn is the server's side of a WebSocket (RFC 6455): it takes over the
// connection of a request, reads frames, and writes without blocking as long as the socket
// accepts the bytes. The WebSocket library reads every frame that is not a plain text frame
// or a pong; most connections never need it.
package wsconn

// Package wsconn is the server's side of a WebSocket (RFC 6455): it takes over the
// connection of a request, reads frames, and writes without blocking as long as the
// socket takes what it is given. The WebSocket library reads what is not a plain text
// frame; most connections never need it.
package wsconn

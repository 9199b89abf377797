// Package front lets tests run again with a server that speaks TLS itself, like a program
// without a proxy. Such a server writes through a *tls.Conn, and never directly to a socket.
package front

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"
)

// NewServer is httptest.NewServer. If the environment has CHAT_TEST_TLS=1, connections are
// *tls.Conn for the server and plain for clients. The front between them passes on bytes, the
// end of a connection, and a reset. The handler sees requests without TLS, because clients use
// plain addresses. If the environment has CHAT_TEST_TRAFFIC, the name of a folder, what plain
// connections carry is written into files there.
func NewServer(h http.Handler) *httptest.Server {
	hs := httptest.NewUnstartedServer(h)
	if os.Getenv("CHAT_TEST_TLS") == "1" {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		hs.Listener = &listener{hs.Listener, inner}
		hs.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that clients abort
		hs.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.TLS = nil
			h.ServeHTTP(w, r)
		})
	}
	if dir := os.Getenv("CHAT_TEST_TRAFFIC"); dir != "" {
		hs.Listener = &traffic{Listener: hs.Listener, dir: dir}
	}
	hs.Start()
	return hs
}

// certificate is made once per run of the tests. No client verifies it.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

type listener struct {
	net.Listener
	inner net.Listener // leads from the front to the server
}

func (l *listener) Accept() (net.Conn, error) {
	client, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	server, conn, err := pair(l.inner)
	if err != nil {
		client.Close()
		return nil, err
	}
	f := &front{client: client.(*net.TCPConn), server: server.(*net.TCPConn), gone: make(chan struct{})}
	// The server itself must handle clients that do not read, so the front buffers little for
	// them.
	f.client.SetWriteBuffer(64 << 10)
	f.server.SetReadBuffer(64 << 10)
	f.tls = tls.Client(server, &tls.Config{InsecureSkipVerify: true})
	go f.run() // ends with the connection
	behind := &behind{Conn: conn, from: client.RemoteAddr(), close: sync.OnceFunc(func() { close(f.gone) })}
	return tls.Server(behind, &tls.Config{Certificates: []tls.Certificate{certificate()}}), nil
}

// pair returns both ends of a connection. Nothing else connects to l.
func pair(l net.Listener) (dialed, accepted net.Conn, err error) {
	if dialed, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	if accepted, err = l.Accept(); err != nil {
		dialed.Close()
		return nil, nil, err
	}
	return dialed, accepted, nil
}

func (l *listener) Close() error {
	l.inner.Close()
	return l.Listener.Close()
}

// behind is a connection with the client's address as its remote address.
type behind struct {
	net.Conn
	from  net.Addr
	close func()
}

func (b *behind) RemoteAddr() net.Addr { return b.from }

func (b *behind) Close() error {
	defer b.close()
	return b.Conn.Close()
}

// front carries one connection.
type front struct {
	client, server *net.TCPConn
	tls            *tls.Conn     // on server
	gone           chan struct{} // closed when the server has closed the connection
}

// run passes on both directions. The end of one direction is passed on alone. A reset of either
// side resets the other.
func (f *front) run() {
	defer f.client.Close()
	defer f.server.Close()
	if f.tls.Handshake() != nil {
		return
	}
	up, down := make(chan error, 1), make(chan error, 1)
	go func() { up <- f.toServer() }() // both end when run closes the connections
	go func() { down <- f.toClient() }()
	var err error
	select {
	case err = <-up:
		if err != nil {
			await(down)
		} else {
			err = <-down
		}
	case err = <-down:
		if err != nil {
			await(up)
			break
		}
		select {
		case err = <-up:
		case <-f.gone: // the server reads no more
		}
	}
	if err != nil {
		f.client.SetLinger(0)
		f.server.SetLinger(0)
	}
}

// await waits until the other direction of a reset connection has passed on what was sent
// before. Its receiver may have stopped reading, so the wait is short.
func await(end chan error) {
	select {
	case <-end:
	case <-time.After(100 * time.Millisecond):
	}
}

func (f *front) toServer() error {
	if _, err := io.Copy(f.tls, f.client); err != nil {
		return err
	}
	return f.tls.CloseWrite()
}

func (f *front) toClient() error {
	// The end of a connection without a TLS alert is a normal end here.
	if _, err := io.Copy(f.client, f.tls); err != nil && err != io.ErrUnexpectedEOF {
		return err
	}
	if err := f.client.CloseWrite(); err != nil {
		return err
	}
	// That was the end of TLS. The TCP connection ends now, or is reset because the server has
	// not read everything.
	if _, err := f.server.Read(make([]byte, 1)); err != io.EOF {
		return err
	}
	return nil
}

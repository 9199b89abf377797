//go:build linux

// Command server is one server of the comparison. It is a separate process, so its processor
// time and memory can be read from outside.
//
// It prints its address, and then reads commands from its standard input. "heap" prints the
// bytes of live heap and of stacks after a garbage collection. "release" gives unused memory
// back to the system. "profile" begins a CPU profile in the file of -pprof, and "stop" ends it.
// "heapprofile" writes a heap profile to that file. The process ends when its standard input
// ends.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/seed-08328bfd/chat/bench/internal/proc"
	"github.com/seed-08328bfd/chat/bench/internal/serve"
)

func main() {
	kind := flag.String("kind", "chat", "floor, gorilla, melody, gws, centrifuge, nhooyr, coder or chat")
	addr := flag.String("addr", "127.0.0.1:0", "`address` to listen on")
	flush := flag.Duration("flush", 0, "flush interval of chat; 0 means its default, a negative value none")
	compress := flag.Bool("compress", false, "compression of chat")
	secure := flag.Bool("tls", false, "TLS with a certificate made for this process")
	presence := flag.Bool("presence", false, "joins and leaves of gws; presence, joins, leaves and history of centrifuge")
	profile := flag.String("pprof", "", "file for a profile")
	flag.Parse()
	if err := proc.RaiseFiles(); err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	go obey(*profile)
	if *kind == "floor" {
		fmt.Println(l.Addr())
		log.Fatal(serve.Floor(l.(*net.TCPListener)))
	}
	h, err := serve.Handler(*kind, serve.Options{Flush: *flush, Compress: *compress, Presence: *presence})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	mux := http.NewServeMux()
	mux.Handle("/ws/", h)
	mux.Handle("/ws", h)
	if *secure {
		if l, err = serve.Secure(l); err != nil {
			log.Fatal(err)
		}
	}
	log.Fatal((&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}).Serve(l))
}

// obey ends the process when its standard input ends.
func obey(profile string) {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		switch in.Text() {
		case "heap":
			var m runtime.MemStats
			runtime.GC()
			runtime.GC() // the second collection frees what the first kept in pools
			runtime.ReadMemStats(&m)
			fmt.Println(m.HeapAlloc, m.StackInuse)
		case "release":
			debug.FreeOSMemory()
			fmt.Println("ok")
		case "profile":
			f, err := os.Create(profile)
			if err == nil {
				err = pprof.StartCPUProfile(f)
			}
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println("ok")
		case "heapprofile":
			f, err := os.Create(profile + ".heap")
			if err == nil {
				err = errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
			}
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println("ok")
		case "stop":
			pprof.StopCPUProfile()
			fmt.Println("ok")
		}
	}
	os.Exit(0)
}

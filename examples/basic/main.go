// Command basic is a chat server with its page, in memory:
//
//	go run ./examples/basic
//
// Open http://localhost:8080 in two browser tabs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatpage"
)

// shutdownTime is how long members have to take leave.
const shutdownTime = 4 * time.Second

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // before ctx ends: then the next signal ends the process
		cancel()
	}()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		log.Fatal("basic: ", err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("basic", flag.ExitOnError)
	addr := flags.String("addr", "localhost:8080", "the `address` to listen on")
	history := flags.Int("history", 50, "the number of `messages` that whoever joins a room gets first")
	rate := flags.Float64("rate", 50, "the `messages` per second that a user may send; 0 is no limit")
	burst := flags.Int("burst", 500, "the `messages` that a user may send in one go")
	origins := flags.String("origins", "", "the `origins` of pages elsewhere that may connect, with commas between them, such as https://app.example.com,http://localhost:3000")
	flags.Parse(args)
	if flags.NArg() > 0 {
		return errors.New("only flags are taken; see -help")
	}
	rooms, err := newServer(*history, *rate, *burst, *origins)
	if err != nil {
		return err
	}
	defer rooms.Close()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           chatpage.Handler(rooms),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "chat: open %s in a browser; Ctrl-C ends the server\n", link(*addr, listener.Addr()))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintln(stdout, "chat: shutting down")
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	// Members first: server does not know upgraded connections.
	if err := rooms.Shutdown(ctx); err != nil {
		log.Print("chat: some connections had to be cut off: ", err)
	}
	if server.Shutdown(ctx) != nil {
		server.Close() // what is left is idle or half a request
	}
	return nil
}

// newServer returns as an error what options panic with: it says what is wrong with
// a flag.
func newServer(history int, rate float64, burst int, origins string) (rooms *chat.Server, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	options := []chat.Option{
		chat.WithHistory(history),
		chat.WithRateLimit(rate, burst),
		chat.WithOriginPatterns(strings.FieldsFunc(origins, func(r rune) bool { return r == ',' || r == ' ' })...),
	}
	if history > 0 { // more than whoever joins gets, for scrolling back
		options = append(options, chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: max(history, 1000)})))
	}
	return chat.New(options...), nil
}

// link returns what to open in a browser, for an address asked for and the one that
// is listened on.
func link(asked string, bound net.Addr) string {
	host, _, _ := net.SplitHostPort(asked)
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(bound.String())
	return "http://" + net.JoinHostPort(host, port)
}

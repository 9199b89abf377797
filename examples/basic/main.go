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
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/examples/basic/static"
)

func main() {
	ctx := untilSignal()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "basic:", err)
		os.Exit(1)
	}
}

// untilSignal returns a context that ends at the first signal to end. Signals are
// let go before it does, so that whoever sees it end knows that the next one ends
// the process at once; [signal.NotifyContext] has the two in no order.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

// errUsage stands for wrong flags, of which the user was told.
var errUsage = errors.New("usage")

// shutdownTime is how long members have to take leave.
const shutdownTime = 4 * time.Second

// kept is the least number of a room's messages that are in memory.
const kept = 1000

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("basic", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "localhost:8080", "the `address` to listen on")
	history := flags.Int("history", 50, "the number of `messages` that whoever joins a room gets first")
	rate := flags.Float64("rate", 50, "the `messages` per second that a user may send; 0 is no limit")
	burst := flags.Int("burst", 500, "the `messages` that a user may send at once")
	var pages chat.Option
	flags.Func("origins", "the `origins` of pages elsewhere that may connect, with commas between them, such as https://app.example.com,http://localhost:3000", func(s string) (err error) {
		pages, err = withOrigins(s)
		return err
	})
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintln(stderr, "basic takes no arguments, only flags; see -help")
		return errUsage
	}

	if *history < 0 || *rate < 0 || *burst < 1 {
		fmt.Fprintln(stderr, "basic: -history and -rate must be 0 or more, -burst 1 or more; see -help")
		return errUsage
	}

	options := []chat.Option{chat.WithHistory(*history), chat.WithRateLimit(*rate, *burst)}
	if *history > 0 {
		// More than whoever joins gets, for scrolling back.
		options = append(options, chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: max(*history, kept)})))
	}
	if pages != nil {
		options = append(options, pages)
	}
	rooms := chat.New(options...)

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           static.Beside(rooms, static.Handler()),
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
	// Upgraded connections are not http.Server's any more: they are closed first,
	// with 1001, while whoever comes anew is refused with 503.
	if err := rooms.Shutdown(ctx); err != nil {
		fmt.Fprintln(stderr, "chat: some connections had to be cut off:", err)
	}
	if server.Shutdown(ctx) != nil {
		server.Close() // what is left is idle or half a request
	}
	return nil
}

// withOrigins is the option for a list of origins, with commas between them.
func withOrigins(list string) (opt chat.Option, err error) {
	defer func() {
		if p := recover(); p != nil { // the option says what is wrong with a pattern
			err = fmt.Errorf("%v", p)
		}
	}()
	var patterns []string
	for p := range strings.SplitSeq(list, ",") {
		if p = strings.TrimSpace(p); p != "" {
			patterns = append(patterns, p)
		}
	}
	return chat.WithOriginPatterns(patterns...), nil
}

// link returns what to open in a browser: the host that was asked for, if it is
// one that a browser can reach, and the port that is listened on.
func link(asked string, bound net.Addr) string {
	host, _, _ := net.SplitHostPort(asked)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(bound.String())
	return "http://" + net.JoinHostPort(host, port)
}

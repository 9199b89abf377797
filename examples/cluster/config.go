package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// errUsage means that the flags are wrong, and that the user was told so.
var errUsage = errors.New("usage")

// lookup has the form of os.LookupEnv.
type lookup func(key string) (value string, ok bool)

// config has the values of the flags.
type config struct {
	addr, metricsAddr string

	redis, postgres string
	sqlite          string
	history, keep   int
	keepFor         time.Duration

	rate             float64
	burst            int
	messageSize      int
	maxConns         int
	maxConnsPerAddr  int
	maxConnsPerUser  int
	origins, proxies list
	compress         bool
	otlp             string

	jwtSecretFile, jwtKeyID string
	jwks                    string
	jwtIssuer, jwtRooms     string
	jwtAudience             list

	drainDelay, drain time.Duration
	logLevel          slog.Level
	healthcheck       bool
}

// list is a flag with values that commas separate.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	*l = nil
	for v := range strings.SplitSeq(s, ",") {
		if v = strings.TrimSpace(v); v != "" {
			*l = append(*l, v)
		}
	}
	return nil
}

func (c *config) flags() *flag.FlagSet {
	f := flag.NewFlagSet("cluster", flag.ContinueOnError)
	f.StringVar(&c.addr, "addr", ":8080", "the `address` to listen on")
	f.StringVar(&c.metricsAddr, "metrics-addr", "", "the `address` for /metrics, /healthz and /readyz, separate from the clients' address (default: the same)")

	f.StringVar(&c.redis, "redis", "", "the `URL` of the Redis that keeps the rooms, such as redis://user:password@host:6379/0; rediss:// for TLS")
	f.StringVar(&c.postgres, "postgres", "", "the `URL` of the PostgreSQL that keeps the rooms, such as postgres://user:password@host/database")
	f.StringVar(&c.sqlite, "sqlite", "", "the `file` that keeps the rooms of this server alone, such as chat.db; it is made if it is not there")
	f.IntVar(&c.history, "history", 50, "the number of `messages` that a user gets on joining a room")
	f.IntVar(&c.keep, "keep", 0, "the number of `messages` that Redis, PostgreSQL or the file keeps of a room (default: the engine's own)")
	f.DurationVar(&c.keepFor, "keep-for", 0, "how long PostgreSQL or the file keeps a message, or how long Redis keeps a room without new messages (default: the engine's own)")

	f.Float64Var(&c.rate, "rate", 10, "the `messages` per second that a user may send; 0 is no limit")
	f.IntVar(&c.burst, "burst", 50, "the `messages` that a user may send immediately one after the other")
	f.IntVar(&c.messageSize, "message-size", 16<<10, "the largest text of a message, in `bytes`")
	f.IntVar(&c.maxConns, "max-connections", 0, "the maximum number of concurrent `connections`; 0 is no limit")
	f.IntVar(&c.maxConnsPerAddr, "max-connections-per-address", 0, "the maximum number of `connections` from one address; 0 is no limit")
	f.IntVar(&c.maxConnsPerUser, "max-connections-per-user", 0, "the maximum number of `connections` of one user; 0 is no limit")
	f.Var(&c.origins, "origins", "the `origins` of other sites whose pages may connect, such as https://app.example.com,https://*.example.org")
	f.Var(&c.proxies, "trusted-proxies", "the `networks` of proxies whose X-Forwarded-For, X-Forwarded-Proto and Forwarded are trusted, such as 10.0.0.0/8; unix for a proxy that connects over a Unix socket")
	f.BoolVar(&c.compress, "compress", false, "offer permessage-deflate")

	f.StringVar(&c.otlp, "otlp", "", "the `URL` of an OpenTelemetry collector that gets spans over HTTP, such as http://localhost:4318 (default: no spans)")

	f.StringVar(&c.jwtSecretFile, "jwt-secret-file", "", "the `file` with the secret of tokens signed with HS256")
	f.StringVar(&c.jwtKeyID, "jwt-key-id", "", "the `kid` of the tokens with that secret, if they have one")
	f.StringVar(&c.jwks, "jwks", "", "the `URL` of the key set of tokens signed with RS256, ES256 or EdDSA")
	f.StringVar(&c.jwtIssuer, "jwt-issuer", "", "the `iss` that tokens must have")
	f.Var(&c.jwtAudience, "jwt-audience", "the `aud` that tokens must have; if several, one of them")
	f.StringVar(&c.jwtRooms, "jwt-rooms", "", "the `claim` with the rooms that a token allows (default: all)")

	f.DurationVar(&c.drainDelay, "drain-delay", 0, "how long to serve after SIGTERM while not ready, so that a load balancer notices")
	f.DurationVar(&c.drain, "drain", 20*time.Second, "how long members then have to close")
	f.TextVar(&c.logLevel, "log-level", slog.LevelInfo, "the lowest `level` that is logged: debug, info, warn or error")
	f.BoolVar(&c.healthcheck, "healthcheck", false, "check the health of the server with the same settings on this machine, and exit with 0 if it is healthy")
	return f
}

// parse reads the environment, and then the flags.
func parse(args []string, env lookup, stderr io.Writer) (*config, error) {
	c := &config{}
	f := c.flags()
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, "A chat server, in memory, with a file, or over Redis or PostgreSQL. Each flag can be set in the\nenvironment too, -max-connections by CHAT_MAX_CONNECTIONS; a flag wins.\n\n")
		f.PrintDefaults()
	}
	var bad error
	f.VisitAll(func(fl *flag.Flag) {
		key := "CHAT_" + strings.ToUpper(strings.ReplaceAll(fl.Name, "-", "_"))
		value, ok := env(key)
		if !ok || value == "" || fl.Name == "healthcheck" || bad != nil {
			return
		}
		if err := f.Set(fl.Name, value); err != nil {
			bad = fmt.Errorf("%s is not a valid value of -%s: %w", key, fl.Name, err)
		}
	})
	if bad == nil {
		if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, errUsage
		}
		bad = c.check(f.NArg())
	}
	if bad != nil {
		fmt.Fprintln(stderr, "cluster:", bad)
		return nil, errUsage
	}
	return c, nil
}

func (c *config) check(args int) error {
	switch {
	case args > 0:
		return errors.New("only flags are allowed, no arguments; see -help")
	case c.redis != "" && c.postgres != "" || c.redis+c.postgres != "" && c.sqlite != "":
		return errors.New("-redis, -postgres and -sqlite exclude each other")
	case c.engine() == "memory" && (c.keep != 0 || c.keepFor != 0):
		return errors.New("-keep and -keep-for need -redis, -postgres or -sqlite")
	case c.keep < 0 || c.keepFor < 0 || c.drain < 0 || c.drainDelay < 0:
		return errors.New("-keep, -keep-for, -drain and -drain-delay must not be negative")
	case !c.tokens() && (c.jwtKeyID != "" || c.jwtIssuer != "" || len(c.jwtAudience) > 0 || c.jwtRooms != ""):
		return errors.New("the other -jwt flags need -jwt-secret-file or -jwks")
	}
	return nil
}

// engine returns the name of the engine that keeps the rooms.
func (c *config) engine() string {
	switch {
	case c.redis != "":
		return "redis"
	case c.postgres != "":
		return "postgres"
	case c.sqlite != "":
		return "sqlite"
	}
	return "memory"
}

// tokens reports whether clients need a token.
func (c *config) tokens() bool { return c.jwtSecretFile != "" || c.jwks != "" }

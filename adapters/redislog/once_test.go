package redislog_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
)

// A failingRedis is a Redis of one node that answers every script with an error, and counts the
// scripts.
type failingRedis struct {
	net.Listener
	answer  string // the error; "" ends the connection instead of an answer
	scripts atomic.Int64
}

func newFailingRedis(t *testing.T, answer string) *failingRedis {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &failingRedis{Listener: l, answer: answer}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				g.serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return g
}

func (g *failingRedis) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		_, port, _ := net.SplitHostPort(g.Addr().String())
		switch strings.ToLower(args[0]) {
		case "evalsha", "eval":
			g.scripts.Add(1)
			if g.answer == "" {
				return
			}
			fmt.Fprintf(c, "-%s\r\n", g.answer)
		case "cluster": // slots: this node has all of them
			fmt.Fprintf(c, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%s\r\n", port)
		default:
			fmt.Fprint(c, "-ERR unknown command\r\n")
		}
	}
}

// readCommand reads a command as clients send it.
func readCommand(r *bufio.Reader) (args []string, err error) {
	number := func() int {
		line, e := r.ReadString('\n')
		if e != nil {
			err = e
			return 0
		}
		n, e := strconv.Atoi(strings.TrimSpace(line[1:]))
		if e != nil {
			err = e
		}
		return n
	}
	n := number()
	for range n {
		b := make([]byte, number()+2)
		if err == nil {
			_, err = io.ReadFull(r, b)
		}
		if err != nil {
			return nil, err
		}
		args = append(args, string(b[:len(b)-2]))
	}
	return args, err
}

// A script that writes gets a new epoch to use if needed. If it were sent again, perhaps to
// another master, that epoch might begin in two logs. The client retries by default. The Log
// must turn that off: it sends no script twice, whatever error comes.
func TestNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"", "READONLY You can't write against a read only replica.", "NOREPLICAS Not enough good replicas to write.",
		"LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down", "TRYAGAIN Multiple keys request during rehashing of slot",
		"CLUSTERDOWN The cluster is down", "ERR max number of clients reached",
	} {
		for _, cluster := range []bool{false, true} {
			t.Run(fmt.Sprint(strings.Fields(answer + " cut")[0], cluster), func(t *testing.T) {
				t.Parallel()
				g := newFailingRedis(t, answer)
				var c redis.UniversalClient = redis.NewClient(&redis.Options{Addr: g.Addr().String()})
				if cluster {
					c = redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{g.Addr().String()}})
				}
				defer c.Close()
				l := redislog.New(c)
				for n := range int64(3) {
					if _, err := l.Append(within(t), room, text("u", "id", "m")); err == nil {
						t.Fatal("appended")
					}
					if sent := g.scripts.Load(); sent != n+1 {
						t.Fatalf("%d scripts were sent for %d calls", sent, n+1)
					}
				}
			})
		}
	}
}

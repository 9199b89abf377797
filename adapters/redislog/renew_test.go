package redislog_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
)

func TestOneEpochALoss(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	_, members := crowd(t, 3, on(i))
	chatter(t, members, 10, 0)
	c := i.client(t)
	l := redislog.New(c)
	head, log, ids, _ := l.KeysOf(room)
	var held []*redis.StringCmd
	keys := []string{head, log, ids}
	c.TxPipelined(within(t), func(p redis.Pipeliner) error {
		for _, k := range keys {
			held = append(held, p.Dump(within(t), k))
		}
		return nil
	})
	conn, err := net.Dial("tcp", i.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "MONITOR\r\n")
	var mu sync.Mutex
	var epochs []string
	go func() {
		sc := bufio.NewScanner(conn)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			f := strings.SplitN(sc.Text(), " ", 7)
			low := strings.ToLower(sc.Text())
			if strings.Contains(low, " lua] \"set\"") && strings.Contains(sc.Text(), "head:") {
				v := sc.Text()[strings.Index(sc.Text(), "head:"):]
				v = v[strings.Index(v, "\" \"")+3:]
				e, _, _ := strings.Cut(v, " ")
				mu.Lock()
				if n := len(epochs); n == 0 || !strings.HasPrefix(epochs[n-1], e+" ") {
					epochs = append(epochs, e+" "+f[0])
				}
				mu.Unlock()
			}
		}
	}()
	during(t, members, func() {
		time.Sleep(300 * time.Millisecond)
		_, err := c.TxPipelined(within(t), func(p redis.Pipeliner) error {
			for j, k := range keys {
				p.RestoreReplace(within(t), k, 0, held[j].Val())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		time.Sleep(500 * time.Millisecond)
	})
	mu.Lock()
	defer mu.Unlock()
	for _, e := range epochs {
		t.Log(e)
	}
}

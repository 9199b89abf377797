package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestRedisClient(t *testing.T) {
	for address, want := range map[string]string{
		"redis://127.0.0.1:6379/0":                           "*redis.Client 127.0.0.1:6379",
		"rediss://u:hunter2@redis.example.com":               "*redis.Client redis.example.com:6379",
		"unix:///run/redis.sock":                             "*redis.Client /run/redis.sock",
		"redis://127.0.0.1:7000?addr=127.0.0.1:7001":         "*redis.ClusterClient [127.0.0.1:7000 127.0.0.1:7001]",
		"redis://127.0.0.1:26379?master_name=m&addr=[::1]:1": "*redis.Client FailoverClient",
		"http://u:hunter2@h":                                 "-redis",
		"redis://u:hunter2@h:port":                           "-redis",
		"redis://u:hunter2@h?hunter2=1":                      "-redis",
		"127.0.0.1:6379":                                     "-redis",
	} {
		c, err := redisClient(address)
		if err != nil {
			if !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		got := fmt.Sprintf("%T", c)
		switch c := c.(type) {
		case *redis.Client:
			got += " " + c.Options().Addr
		case *redis.ClusterClient:
			got += " " + fmt.Sprint(c.Options().Addrs)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
		c.Close()
	}
}

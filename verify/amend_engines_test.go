package verify

import (
	"syscall"
	"testing"
	"time"
)

func TestRedisChanges(t *testing.T) {
	e := startRedis(t)
	checkWith(t, amendModel, changes(t, 250, false, 0, time.Now(), e.changeable()...))
}

func TestPostgresChanges(t *testing.T) {
	e := startPostgres(t)
	checkWith(t, amendModel, changes(t, 250, false, 0, time.Now(), e.changeable()...))
}

// The engine is killed and started again while messages change.
func TestRedisChangesKilled(t *testing.T) {
	changesWithCrashes(t, startRedis(t), syscall.SIGKILL)
}

func TestPostgresChangesKilled(t *testing.T) {
	changesWithCrashes(t, startPostgres(t), syscall.SIGQUIT)
}

func (e *engine) changeable() (logs []changeable) {
	for _, l := range e.logs {
		logs = append(logs, l.(changeable))
	}
	return logs
}

// changesWithCrashes checks calls while a signal ends the engine three times, and it is started
// again. A log that lost an answer may repeat the call by itself, and then gets its own entry.
// So a call during a crash counts as a repeated call.
func changesWithCrashes(t *testing.T, e *engine, sig syscall.Signal) {
	t.Helper()
	start := time.Now()
	crashes := make(chan [2]int64, 3)
	go func() {
		defer close(crashes)
		for range cap(crashes) {
			time.Sleep(300 * time.Millisecond)
			from := time.Since(start)
			e.stop(sig)
			crashes <- [2]int64{int64(from), int64(time.Since(start))}
			e.start()
			e.wait()
		}
	}()
	defer func() { // so that it does not start the engine after the test's end
		for range crashes {
		}
	}()
	history := changes(t, 300, true, 3*time.Millisecond, start, e.changeable()...)
	for crash := range crashes {
		for i := range history {
			if op := &history[i]; op.Call <= crash[1] && op.Return >= crash[0] {
				out := op.Output.(answer)
				out.unsure = true
				op.Output = out
			}
		}
	}
	checkWith(t, amendModel, history)
}

//go:build !unix

package sqlitelog_test

import "time"

// cpuTime is not known on this platform.
func cpuTime() time.Duration { return 0 }

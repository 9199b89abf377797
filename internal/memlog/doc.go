// Package memlog is the log in this process's memory: the last entries of each room in
// a ring, who is where, and the servers of the process that watch.
package memlog

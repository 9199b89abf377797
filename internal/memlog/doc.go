// Package memlog is the log in this process's memory: the last entries of each room in a
// ring, the users present in each room, and the servers of the process that watch.
package memlog

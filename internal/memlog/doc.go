// Package memlog is the log in this process's memory. It has the last entries of each room in a
// ring, the current state of messages, the users present in each room and how far they have
// read, and the servers of the process that watch.
package memlog

// Package verify contains only tests. They check that the logs of package chat are linearizable
// (Herlihy and Wing, 1990). Several clients append to and read from a log concurrently. If the
// log has an engine, they use two logs on it. The tests record each call's start, end and
// answer. Then porcupine looks for one order of all calls in which a plain list would have given
// the same answers. Each call must take effect between its start and its end. In some tests the
// engine is killed and started again. A failed append is then made again with its id, and both
// count as one call. Or it is given up, and may have happened or not. Logs with planted defects
// show that the check can fail. In a second model messages change: clients edit, delete and
// react, mark what they have read, and ask how much they have not.
//
// In the cluster tests, users talk, join and leave on three servers, each in a separate process.
// Meanwhile the servers, the log that they share, and the connections between have faults: they
// are killed, paused, cut off, slow, read-only, failed over, or restarted from a shorter file.
// The simulated users know the truth. The tests compare it with the member lists of servers and
// clients, with what each client received and in which order, and with every acknowledgement.
// The flag -cluster.seeds sets the number of runs, -cluster.time how long each has faults, and
// -cluster.trace shows more of what went wrong. A seed repeats the random choices, but not the
// timing of the processes.
package verify

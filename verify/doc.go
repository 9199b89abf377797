// Package verify has no code but tests: they check that the logs of package chat
// are linearizable (Herlihy and Wing, 1990). Several clients append to and read
// from a log concurrently, through two logs on one engine where there is one; what each
// was answered, and when, is recorded, and porcupine looks for one order of all
// calls, each at a moment between its beginning and its end, in which a plain list
// would have given the same answers. In some of them the engine is killed and
// started again meanwhile: an append that failed is then made again with its id, as
// one and the same call, or given up, and may have happened or not. Logs with
// planted defects show that the check can fail. In a second model messages change: clients
// edit, delete and react, mark what they have read and ask what they have not.
//
// The cluster tests have people talk, come and go on three servers, each a process of
// its own, while these, the log that they share and the way between are in trouble:
// killed, standing still, cut off, slow, read-only, failed over, restarted from a shorter
// file. They know the truth, and hold against it who the servers and clients say is
// there, what each client saw, in which order, and what was acknowledged to it. The flag
// -cluster.seeds sets how many runs there are, -cluster.time how long each has faults,
// and -cluster.trace shows more of what has gone wrong. A seed repeats the choices,
// not their outcome: processes run as they will.
package verify

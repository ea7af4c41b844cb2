// Package joblog makes the log of a container whole that a cluster gives in pieces: a stream that was cut is continued at
// the byte where it stopped, and lines that a node may have rotated away are named. It reads from a Source, and knows
// nothing of jobs.
package joblog

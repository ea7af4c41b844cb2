// Package jobspec says what a job is made of: it reads what a user typed into a Spec, makes the Job object of a Spec, and reads
// a Spec back from a Job. It makes no request.
package jobspec

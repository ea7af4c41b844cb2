// Package jobstatus says how a job fares: it makes a State of what is known of a Job and its pods, with the reason in words. It
// makes no request.
package jobstatus

// Package jobs runs containers to their end as Kubernetes Jobs, with secrets inside: it is the client that creates, lists,
// follows, shares and deletes them. What a job is made of is package jobspec's, how it fares is package jobstatus's, what
// it has written is package joblog's, and connections into it are package remote's.
//
// The way of one job:
//
//	jobspec.ParseVariable, jobspec.ParseSecretFile   what the user typed
//	Client.Complete      what the cluster's presets and settings say; a request where one of them is used
//	Client.Plan          a jobspec.Spec becomes a Job object and the list of secrets that it needs; no request
//	Client.CheckAndRead  every secret is looked up; nothing is created yet
//	Client.Create        the Job, and copies of the secrets that others share
//	Client.FollowJob     states and the log until the job ends
//	Client.Delete        the job, its pods and its copies
//
// A pod can only use Secrets of its own namespace, so another's secret is read with the user's own
// rights and copied beside the job; the copy is owned by the Job and goes when it goes.
package jobs

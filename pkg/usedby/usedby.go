// Package usedby finds the jobs that use a secret.
//
// It knows as much of a Job as that takes: the types of Kubernetes for it would make the plugin secret,
// which asks, a third larger (docs/decisions/0001).
package usedby

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
)

const (
	// LabelJob is "true" on Jobs of ours and their pods.
	LabelJob = "apolo.us/job"
	// LabelJobCopy is "true" on Secrets that hold the copy of another's secret, for one job.
	LabelJobCopy = "apolo.us/job-copy"
	// AnnotationSecrets is a JSON list, on a Job, of the secrets that it uses, each once and in
	// the form secret:/NAMESPACE/KEY, which means the same whatever a user calls the cluster.
	AnnotationSecrets = "apolo.us/secrets"
)

// page is how many Jobs one answer brings: each takes about 4 KB.
const page = 250

// Job is one that has not ended.
type Job struct {
	Name    string
	Running bool // it has a pod that runs; else it waits
}

// String is the job in words.
func (j Job) String() string {
	if j.Running {
		return "job/" + j.Name + " (running)"
	}
	return "job/" + j.Name + " (pending)"
}

// Users are jobs by the secret that they use, whose URI has a namespace and no cluster. The jobs of a
// secret are sorted by name.
type Users map[uri.Secret][]Job

// Find asks which jobs of a namespace, or of all where it is empty, use secrets of their own namespace
// and have not ended. A job that uses another namespace's secret has a copy, which nobody can take away.
// Where the user may not list jobs, apierrors.IsForbidden holds for the error.
func Find(ctx context.Context, client *kube.Client, namespace string) (Users, error) {
	version := schema.GroupVersion{Group: "batch", Version: "v1"}
	batch, err := client.REST(version, kube.NewScheme(version))
	if err != nil {
		return nil, err
	}
	users := Users{}
	options := metav1.ListOptions{LabelSelector: LabelJob + "=true", Limit: page}
	var turned kube.Pages
	for {
		if err := turned.Turn(options.Continue); err != nil {
			return nil, client.Explain(err, kube.Request{})
		}
		answer := batch.Get().
			Namespace(namespace).
			Resource("jobs").
			VersionedParams(&options, metav1.ParameterCodec).
			SetHeader("Accept", runtime.ContentTypeJSON).
			Do(ctx)
		err := answer.Error() // Raw's own knows less
		var body []byte
		if err == nil {
			body, err = answer.Raw()
		}
		if err != nil {
			return nil, client.Explain(err, kube.Request{Verb: "list", Resource: "jobs", Namespace: namespace})
		}
		if options.Continue, err = users.add(body); err != nil {
			return nil, fmt.Errorf("%s answered something else than Jobs; is a proxy in between?", client.Host())
		}
		if options.Continue == "" {
			break
		}
	}
	for _, found := range users {
		slices.SortFunc(found, func(a, b Job) int { return strings.Compare(a.Name, b.Name) })
	}
	return users, nil
}

// add takes a JobList, and returns where the next one begins.
func (u Users) add(answer []byte) (next string, err error) {
	var list struct {
		Metadata metav1.ListMeta `json:"metadata"`
		Items    []job           `json:"items"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return "", err
	}
	for _, job := range list.Items {
		var used []string
		// An annotation that somebody broke names no secret.
		if job.ended() || json.Unmarshal([]byte(job.Metadata.Annotations[AnnotationSecrets]), &used) != nil {
			continue
		}
		for _, text := range used {
			secret, err := uri.Parse(text)
			if err != nil || secret.Cluster != "" || secret.Namespace == "" || secret.Namespace != job.Metadata.Namespace {
				continue
			}
			u[secret] = append(u[secret], Job{Name: job.Metadata.Name, Running: job.Status.Ready > 0})
		}
	}
	return list.Metadata.Continue, nil
}

// job is what matters of a Job.
type job struct {
	Metadata struct {
		Name              string            `json:"name"`
		Namespace         string            `json:"namespace"`
		Annotations       map[string]string `json:"annotations"`
		DeletionTimestamp *metav1.Time      `json:"deletionTimestamp"`
	} `json:"metadata"`
	Status struct {
		Ready      int `json:"ready"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

// ended tells whether the job starts no pod any more. The first two conditions stand there a moment before the
// other two (https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup).
func (j *job) ended() bool {
	for _, condition := range j.Status.Conditions {
		switch condition.Type {
		case "SuccessCriteriaMet", "FailureTarget", "Complete", "Failed":
			if condition.Status == string(metav1.ConditionTrue) {
				return true
			}
		}
	}
	return j.Metadata.DeletionTimestamp != nil
}

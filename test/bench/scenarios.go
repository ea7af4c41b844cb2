package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/neuro-inc/kubectl-apolo/pkg/doctor"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
	"github.com/neuro-inc/kubectl-apolo/pkg/wellknown"
)

// topic is a section of the report.
type topic struct {
	name    string // for the option -only
	title   string
	text    string
	columns [2]string // what the two sides are called
	// compare prepares the cluster and calls each for every comparison, or returns at once where
	// the binaries for it are not there.
	compare func(ctx context.Context, each func(comparison) error) error
	// table measures what there is nothing to compare with, in place of compare.
	table func(ctx context.Context) (header row, rows []row, err error)
}

func topics(r *runner) []topic {
	usual := [2]string{"this product", "kubectl"}
	return []topic{
		{
			name: "secrets", title: "Secrets", columns: usual, compare: r.secretTopic,
			text: fmt.Sprintf("In a namespace with %d secrets of %d bytes (random, so nothing can compress them).", r.secrets, r.valueSize),
		}, {
			name: "first", title: "Until the first request", table: r.firstRequests,
			text: "From the start of the process until the first message of the TLS handshake has come to a server on the same machine, " +
				"which then refuses: what a command needs to start, to read its arguments and the kubeconfig, and to connect.\n\n" +
				"What was done about it: nothing of client-go's discovery, clientsets and their types is linked " +
				"([0001](decisions/0001-no-clientset.md)); garbage is left alone up to 10 MB, which most commands never make " +
				"(collecting it at 2 MB took up to half of the CPU of a short command); requests that begin together wait for one " +
				"connection, where each made a separate handshake before. What is left is half the kernel's, which maps the " +
				"pages of the binary and of the heap as they are touched; and what `run` and `job` take more, that of the library " +
				"that reads names of images ([0015](decisions/0015-image-names.md)).",
		}, {
			name: "inits", title: "Before main", table: r.inits,
			text: "What the packages that are linked into a binary take to make themselves ready, as the Go runtime tells it (GODEBUG=inittrace=1).",
		}, {
			name: "start", title: "Starting", columns: usual, compare: r.startTopic,
			text: "Without a request to a server.",
		}, {
			name: "dispatcher", title: "The dispatcher", columns: [2]string{"through it", "directly"}, compare: r.dispatcherTopic,
			text: "What `kubectl-apolo secret` takes more than `kubectl-apolo_secret`, which it finds and becomes.",
		}, {
			name: "completion", title: "Completion", columns: usual, compare: r.completionTopic,
			text: fmt.Sprintf("What a TAB takes where the names of %d secrets are to be completed; kubectl's own completion of Secrets beside it. "+
				"kubectl runs `kubectl_complete-apolo` as a separate process, which gives up after 120 ms.", r.secrets),
		}, {
			name: "sizes", title: "Sizes of the binaries", table: r.binaries, text: "As `make build` leaves them, stripped; 1 MB is 1,000,000 bytes.",
		}, {
			name: "run", title: "Running a container", columns: usual, compare: r.runTopic,
			text: "From the command line to the end of a container that does nothing, its log included. Most of this is the cluster's own time, " +
				"the same for all; the image is on the node already.",
		}, {
			name: "job", title: "Jobs", columns: usual, compare: r.jobTopic,
			text: fmt.Sprintf("The log is of %d MB in lines of 80 bytes, of a container that has ended; its pace is that of the kubelet, which "+
				"sends it line by line (docs/decisions/0008-the-pace-of-a-log.md). From a server that is faster than both, %d MB are read. The %d jobs that are listed are suspended, so that they "+
				"have no pods; for the same table kubectl asks for the jobs alone.", r.sizes.logBytes/1_000_000, r.sizes.fastBytes/1_000_000, slices.Max(r.sizes.jobs)),
		}, {
			name: "console", title: "The Console", table: r.consoleTopic,
			text: fmt.Sprintf("In headless Chromium. The cache is empty at first; the dashboard is usable when RUN A JOB can be clicked. There are %d secrets. "+
				"Work is processor time: of the page's main thread, and of the Console's server with all its threads. The targets are for the two "+
				"together. By the page's own clock, from the navigation until what it is for was painted, it is longer: that has Chromium in it, "+
				"which starts a process for the page and draws it without a graphics card here, and the API server. A bare page, of a server that "+
				"does nothing else, tells how long the browser alone takes.", r.sizes.console),
		}, {
			name: "acl", title: "Sharing", columns: usual, compare: r.aclTopic,
			text: fmt.Sprintf("`acl ls` finds what bob may use in %d namespaces with a grant to him in each; he may list namespaces. With kubectl he asks "+
				"namespace after namespace: %d are measured, and time, CPU, bytes and requests multiplied by %d.\n\n"+
				"Of `acl grant` up to 100 ms are the API server's: it checks who creates a Role and who creates a RoleBinding against all of their rights, "+
				"and between two such reads right behind writes its watch cache waits that long. kubectl's second process starts meanwhile. A secret that is shared already has its Role, and a further grant is one write.", r.namespaces, askedNamespaces, r.namespaces/askedNamespaces),
		}, {
			name: "growth", title: "How cost grows", table: r.growthTopic,
			text: "The medians of a few runs at each size. Of `acl ls`, kubectl's figures are those of at most " + fmt.Sprint(askedNamespaces) + " namespaces, multiplied. " +
				"10,000 secrets of 64 KiB are 655 MB in etcd, a third of what it holds by default, and as much in the API server's memory: `go run ./test/bench -large` measures them too; " +
				"a listing does not move values, so that they cost what 10,000 small ones do.",
		},
	}
}

// always is one command line for every run.
func always(command ...string) func(int) []step {
	return func(int) []step { return []step{command} }
}

// lines checks that at least so many lines were printed.
func lines(least int) func([]byte) error {
	return func(output []byte) error {
		if got := bytes.Count(output, []byte("\n")); got < least {
			return fmt.Errorf("printed %d lines, expected at least %d", got, least)
		}
		return nil
	}
}

func (r *runner) secretTopic(ctx context.Context, each func(comparison) error) error {
	plugin := r.product("kubectl-apolo_secret")
	many, err := r.cluster.home(ctx, "alice", "many")
	if err != nil {
		return err
	}
	few, err := r.cluster.home(ctx, "alice", "few")
	if err != nil {
		return err
	}
	if err := r.fill(ctx, many.namespace, r.secrets-1, "key-%04d"); err != nil {
		return err
	}
	value := make([]byte, r.valueSize)
	rand.Read(value)
	file := filepath.Join(r.home, "value")
	if err := os.WriteFile(file, value, 0o600); err != nil {
		return err
	}
	if err := r.store(ctx, many.namespace, "wanted", value); err != nil {
		return err
	}
	same := func(output []byte) error {
		if !bytes.Equal(output, value) {
			return fmt.Errorf("did not print the value")
		}
		return nil
	}

	for _, c := range []comparison{{
		ours:    side{label: "secret ls", as: many, steps: always(plugin, "ls"), check: lines(r.secrets)},
		theirs:  side{label: "kubectl get secrets", as: many, steps: always(r.kubectl, "get", "secrets"), check: lines(r.secrets)},
		targets: map[quantity]target{wall: {theRatio, 0.25}, memory: {theRatio, 0.35}},
	}, {
		ours:   side{label: "secret ls -q", as: many, steps: always(plugin, "ls", "-q"), check: lines(r.secrets)},
		theirs: side{label: "kubectl get secrets -o name", as: many, steps: always(r.kubectl, "get", "secrets", "-o", "name"), check: lines(r.secrets)},
	}, {
		ours: side{label: "secret get KEY", as: many, steps: always(plugin, "get", "wanted"), check: same},
		theirs: side{label: "kubectl get secret KEY -o go-template=…", as: many, check: same,
			steps: always(r.kubectl, "get", "secret", "wanted", "-o", "go-template={{.data.wanted | base64decode}}")},
	}, {
		pause: 2 * watchCachePeriod,
		ours: side{label: "secret add KEY @FILE", as: few, steps: func(n int) []step {
			return []step{{plugin, "add", fmt.Sprintf("ours-%d", n), "@" + file}}
		}},
		theirs: side{label: "kubectl create secret generic NAME --from-file=KEY=FILE", as: few, steps: func(n int) []step {
			return []step{{r.kubectl, "create", "secret", "generic", fmt.Sprintf("theirs-%d", n), "--from-file=value=" + file}}
		}},
		targets: map[quantity]target{wall: {theRatio, 0.6}},
	}, {
		pause: 2 * watchCachePeriod,
		setup: func(ctx context.Context, runs int) error {
			if err := r.fill(ctx, few.namespace, runs, "gone-ours-%d"); err != nil {
				return err
			}
			return r.fill(ctx, few.namespace, runs, "gone-theirs-%d")
		},
		ours: side{label: "secret rm KEY", as: few, steps: func(n int) []step {
			return []step{{plugin, "rm", fmt.Sprintf("gone-ours-%d", n)}}
		}},
		theirs: side{label: "kubectl delete secret NAME", as: few, steps: func(n int) []step {
			return []step{{r.kubectl, "delete", "secret", fmt.Sprintf("gone-theirs-%d", n)}}
		}},
	}, {
		setup: func(ctx context.Context, _ int) error { return r.fill(ctx, few.namespace, 1, "kept-%d") },
		ours:  side{label: "secret add KEY @FILE --overwrite", as: few, steps: always(plugin, "add", "kept-0", "@"+file, "--overwrite")},
		theirs: side{label: "kubectl create secret generic … --dry-run=client -o yaml | kubectl apply --server-side -f -", as: few,
			steps: always("/bin/sh", "-ec", r.kubectl+" create secret generic kept-theirs --from-file=value="+file+" --dry-run=client -o yaml >"+file+".yaml; "+
				r.kubectl+" apply --server-side -f "+file+".yaml")},
	}, {
		pause: 2 * watchCachePeriod,
		ours: side{label: "secret cp KEY KEY", as: few, steps: func(n int) []step {
			return []step{{plugin, "cp", "kept-0", fmt.Sprintf("copied-ours-%d", n)}}
		}},
		theirs: side{label: copyLabel, as: few, steps: func(n int) []step { return []step{r.copied("kept-0", fmt.Sprintf("copied-theirs-%d", n), file)} }},
	}, {
		pause: 2 * watchCachePeriod,
		ours: side{label: "secret mv KEY KEY", as: few, steps: func(n int) []step {
			return []step{{plugin, "mv", fmt.Sprintf("copied-ours-%d", n), fmt.Sprintf("moved-ours-%d", n)}}
		}},
		theirs: side{label: copyLabel + ", kubectl delete secret NAME", as: few, steps: func(n int) []step {
			from := fmt.Sprintf("copied-theirs-%d", n)
			return []step{r.copied(from, fmt.Sprintf("moved-theirs-%d", n), file), {r.kubectl, "delete", "secret", from}}
		}},
	}} {
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// copyLabel is how one copies a Secret with kubectl.
const copyLabel = "kubectl get secret NAME -o yaml | sed … | kubectl create -f -"

func (r *runner) copied(from, to, file string) step {
	return step{"/bin/sh", "-ec", fmt.Sprintf("%s get secret %s -o yaml >%s.copy; sed -i '/^  \\(uid\\|resourceVersion\\|creationTimestamp\\):/d; s/^  name: .*/  name: %s/' %s.copy; %s create -f %s.copy",
		r.kubectl, from, file, to, file, r.kubectl, file)}
}

// fill stores n secrets in a namespace, with keys by a format.
func (r *runner) fill(ctx context.Context, namespace string, n int, format string) error {
	return r.fillFrom(ctx, namespace, 0, n, format, r.valueSize)
}

// fillFrom stores secrets with the numbers from the one to below the other.
func (r *runner) fillFrom(ctx context.Context, namespace string, from, to int, format string, size int) error {
	return parallel(ctx, to-from, func(i int) error {
		value := make([]byte, size)
		rand.Read(value)
		return r.store(ctx, namespace, fmt.Sprintf(format, from+i), value)
	})
}

func (r *runner) store(ctx context.Context, namespace, key string, value []byte) error {
	_, err := r.cluster.create(ctx, secretsResource, namespace, secrets.Manifest(namespace, key, value).Object)
	return err
}

func (r *runner) startTopic(_ context.Context, each func(comparison) error) error {
	return each(comparison{
		offline: true,
		ours:    side{label: "kubectl-apolo_secret --help", steps: always(r.product("kubectl-apolo_secret"), "--help"), check: lines(10)},
		theirs:  side{label: "kubectl version --client", steps: always(r.kubectl, "version", "--client"), check: lines(1)},
		targets: map[quantity]target{wall: {theRatio, 0.5}},
	})
}

func (r *runner) dispatcherTopic(_ context.Context, each func(comparison) error) error {
	return each(comparison{
		offline: true,
		pairs:   2 * r.pairs, // a small difference of small figures
		ours:    side{label: "kubectl-apolo secret --version", steps: always(r.product("kubectl-apolo"), "secret", "--version"), check: lines(1)},
		theirs:  side{label: "kubectl-apolo_secret --version", steps: always(r.product("kubectl-apolo_secret"), "--version"), check: lines(1)},
		targets: map[quantity]target{wall: {theDifference, 0.005}},
	})
}

// noticed is how long a TAB may take: less than a person notices.
const noticed = 0.150 // seconds

func (r *runner) completionTopic(ctx context.Context, each func(comparison) error) error {
	many, err := r.cluster.home(ctx, "alice", "completed")
	if err != nil {
		return err
	}
	if err := r.fill(ctx, many.namespace, r.secrets, "key-%04d"); err != nil {
		return err
	}
	theirs := side{label: "kubectl __complete get secret ''", as: many, steps: always(r.kubectl, "__complete", "get", "secret", ""), check: lines(r.secrets)}
	for _, ours := range []side{
		{label: "kubectl_complete-apolo secret get ''", as: many, check: lines(r.secrets),
			steps: always(r.product("kubectl_complete-apolo"), "secret", "get", "")},
		{label: "kubectl __complete apolo secret get ''", as: many, check: lines(r.secrets),
			steps: always(r.kubectl, "__complete", "apolo", "secret", "get", "")},
	} {
		if err := each(comparison{ours: ours, theirs: theirs, targets: map[quantity]target{wall: {itself, noticed}}}); err != nil {
			return err
		}
	}
	return nil
}

// image is on every node of the cluster of test/cluster.
const image = "busybox:1"

func (r *runner) runTopic(ctx context.Context, each func(comparison) error) error {
	if !r.has("kubectl-apolo_run") {
		return nil
	}
	home, err := r.cluster.home(ctx, "alice", "jobs")
	if err != nil {
		return err
	}
	ours := side{label: "run " + image + " -- true", as: home, steps: always(r.product("kubectl-apolo_run"), image, "--", "true")}
	quickEnough := map[quantity]target{wall: {theRatio, 1}}
	for _, c := range []comparison{{
		slow: true, ours: ours, targets: quickEnough,
		theirs: side{label: "kubectl create job, kubectl wait, kubectl logs", as: home, steps: func(n int) []step {
			name := fmt.Sprintf("theirs-%d", n)
			return []step{
				{r.kubectl, "create", "job", name, "--image=" + image, "--", "true"},
				{r.kubectl, "wait", "--for=condition=complete", "job/" + name, "--timeout=60s"},
				{r.kubectl, "logs", "job/" + name},
			}
		}},
	}, {
		slow: true, ours: ours, targets: quickEnough,
		theirs: side{label: "kubectl run --rm -i --restart=Never", as: home, steps: func(n int) []step {
			return []step{{r.kubectl, "run", fmt.Sprintf("pod-%d", n), "--image=" + image, "--rm", "-i", "--restart=Never", "--", "true"}}
		}},
	}} {
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// What is read as a log.
const (
	logLine    = "2026-11-23 12:00:00 INFO step 12345 of 100000: loss 0.1234, accuracy 0.9876"
	pieceBytes = 64 << 10
)

// talk runs a job that prints so much, and returns its name. Where the node rotated its log file
// meanwhile, neither side could read all of it, and another job is run.
func (r *runner) talk(ctx context.Context, as account, whole func([]byte) error) (name string, err error) {
	kubeconfig, err := r.cluster.kubeconfig(as)
	if err != nil {
		return "", err
	}
	for attempt := range 10 {
		name = fmt.Sprintf("talks-%d", attempt)
		_, err = r.start(ctx, step{r.product("kubectl-apolo_run"), "--quiet", "--name", name, image, "--", "sh", "-c",
			fmt.Sprintf("yes '%s' | head -c %d", logLine, r.sizes.logBytes)}, kubeconfig, io.Discard)
		if err != nil {
			return "", err
		}
		var log bytes.Buffer
		if _, err = r.start(ctx, step{r.kubectl, "logs", "job/" + name}, kubeconfig, &log); err != nil {
			return "", err
		}
		if err = whole(log.Bytes()); err == nil {
			return name, nil
		}
	}
	return "", err
}

// printed checks the length of an output.
func printed(bytes int) func([]byte) error {
	return func(output []byte) error {
		if len(output) != bytes {
			return fmt.Errorf("printed %d bytes of %d", len(output), bytes)
		}
		return nil
	}
}

func (r *runner) jobTopic(ctx context.Context, each func(comparison) error) error {
	if !r.has("kubectl-apolo_job") || !r.has("kubectl-apolo_run") {
		return nil
	}
	plugin := r.product("kubectl-apolo_job")
	logged, err := r.cluster.home(ctx, "alice", "logged")
	if err != nil {
		return err
	}
	whole := printed(r.sizes.logBytes)
	talks, err := r.talk(ctx, logged, whole)
	if err != nil {
		return err
	}
	err = each(comparison{
		pairs:   11, // mostly the server's own time, which varies
		ours:    side{label: "job logs", as: logged, steps: always(plugin, "logs", talks), check: whole},
		theirs:  side{label: "kubectl logs", as: logged, steps: always(r.kubectl, "logs", "job/"+talks), check: whole},
		targets: map[quantity]target{wall: {theRatio, 1}, memory: {theRatio, 0.5}},
	})
	if err != nil {
		return err
	}

	err = each(comparison{
		pairs: 7,
		answer: func(w http.ResponseWriter, request *http.Request) bool {
			if !strings.HasSuffix(request.URL.Path, "/log") {
				return false
			}
			piece := []byte(strings.Repeat(logLine+"\n", pieceBytes/(len(logLine)+1)))
			for left := r.sizes.fastBytes; left > 0; left -= len(piece) {
				if _, err := w.Write(piece[:min(left, len(piece))]); err != nil {
					break
				}
			}
			return true
		},
		ours:    side{label: "job logs, from a server that is faster than both", as: logged, steps: always(plugin, "logs", talks), check: printed(r.sizes.fastBytes)},
		theirs:  side{label: "kubectl logs", as: logged, steps: always(r.kubectl, "logs", "job/"+talks), check: printed(r.sizes.fastBytes)},
		targets: map[quantity]target{wall: {theRatio, 1}, memory: {theRatio, 0.5}},
	})
	if err != nil {
		return err
	}

	listed, err := r.cluster.home(ctx, "alice", "listed")
	if err != nil {
		return err
	}
	there := 0
	for _, count := range r.sizes.jobs {
		if err := r.suspendedJobs(ctx, listed.namespace, there, count); err != nil {
			return err
		}
		there = count
		c := comparison{
			items:  count,
			ours:   side{label: "job ls", as: listed, steps: always(plugin, "ls"), check: lines(count)},
			theirs: side{label: "kubectl get jobs", as: listed, steps: always(r.kubectl, "get", "jobs"), check: lines(count)},
		}
		if count == slices.Max(r.sizes.jobs) {
			err = each(c)
		} else {
			err = r.sized(ctx, count, c)
		}
		if err != nil {
			return err
		}
	}
	return r.singleJobs(ctx, each)
}

// suspendedJobs makes jobs with the numbers from the one to below the other.
func (r *runner) suspendedJobs(ctx context.Context, namespace string, from, to int) error {
	return parallel(ctx, to-from, func(i int) error {
		_, err := r.cluster.create(ctx, jobsResource, namespace, object{
			"metadata": object{"name": fmt.Sprintf("job-%03d", from+i), "labels": object{wellknown.LabelJob: "true"}},
			"spec": object{
				"suspend": true,
				"template": object{"spec": object{
					"restartPolicy": "Never",
					"containers":    []object{{"name": jobspec.ContainerName, "image": image, "command": []string{"sleep", "60"}}},
				}},
			},
		})
		return err
	})
}

// singleJobs measures what is done with one job.
func (r *runner) singleJobs(ctx context.Context, each func(comparison) error) error {
	plugin, run := r.product("kubectl-apolo_job"), r.product("kubectl-apolo_run")
	one, err := r.cluster.home(ctx, "alice", "single")
	if err != nil {
		return err
	}
	kubeconfig, err := r.cluster.kubeconfig(one)
	if err != nil {
		return err
	}
	if _, err := r.start(ctx, step{run, "--quiet", "--detach", "--wait-start", "--name", "running", image, "--", "sleep", "3600"}, kubeconfig, io.Discard); err != nil {
		return err
	}
	created := func(n int) string { return fmt.Sprintf("theirs-%d", n) }
	for _, c := range []comparison{{
		ours: side{label: "run --no-wait-start " + image + " -- sleep 3600", as: one, steps: func(n int) []step {
			return []step{{run, "--no-wait-start", "--name", fmt.Sprintf("ours-%d", n), image, "--", "sleep", "3600"}}
		}},
		theirs: side{label: "kubectl create job", as: one, steps: func(n int) []step {
			return []step{{r.kubectl, "create", "job", created(n), "--image=" + image, "--", "sleep", "3600"}}
		}},
	}, {
		ours: side{label: "job kill", as: one, steps: func(n int) []step {
			return []step{{plugin, "kill", fmt.Sprintf("ours-%d", n)}}
		}},
		theirs: side{label: "kubectl delete job --wait=false", as: one, steps: func(n int) []step {
			return []step{{r.kubectl, "delete", "job", created(n), "--wait=false"}}
		}},
	}, {
		ours:   side{label: "job status", as: one, steps: always(plugin, "status", "running"), check: lines(5)},
		theirs: side{label: "kubectl describe job", as: one, steps: always(r.kubectl, "describe", "job", "running"), check: lines(5)},
	}, {
		ours:   side{label: "job exec JOB -- true", as: one, steps: always(plugin, "exec", "-T", "running", "--", "true")},
		theirs: side{label: "kubectl exec job/JOB -- true", as: one, steps: always(r.kubectl, "exec", "job/running", "--", "true")},
	}} {
		c.pause = 2 * watchCachePeriod
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// watchCachePeriod is how long the API server's watch cache waits from one question to etcd, how far it
// is, to the next (progressRequestPeriod in k8s.io/apiserver). A command that follows another at once
// would pay for that one's question.
const watchCachePeriod = 100 * time.Millisecond

// askedNamespaces is how many namespaces kubectl is asked about.
const askedNamespaces = 20

func (r *runner) aclTopic(ctx context.Context, each func(comparison) error) error {
	if !r.has("kubectl-apolo_acl") {
		return nil
	}
	plugin := r.product("kubectl-apolo_acl")
	alice, err := r.cluster.home(ctx, "alice", "shares")
	if err != nil {
		return err
	}
	err = each(comparison{
		pause: 2 * watchCachePeriod,
		setup: func(ctx context.Context, runs int) error {
			if err := r.fill(ctx, alice.namespace, runs, "shared-ours-%d"); err != nil {
				return err
			}
			return r.fill(ctx, alice.namespace, runs, "shared-theirs-%d")
		},
		ours: side{label: "acl grant secret:KEY bob read", as: alice, steps: func(n int) []step {
			return []step{{plugin, "grant", fmt.Sprintf("secret:shared-ours-%d", n), "bob", "read"}}
		}},
		theirs: side{label: "kubectl create role, kubectl create rolebinding", as: alice, steps: func(n int) []step {
			name := fmt.Sprintf("shared-theirs-%d", n)
			return []step{
				{r.kubectl, "create", "role", name, "--verb=get", "--resource=secrets", "--resource-name=" + name},
				{r.kubectl, "create", "rolebinding", name, "--role=" + name, "--user=bob"},
			}
		}},
		targets: map[quantity]target{wall: {theRatio, 0.6}},
	})
	if err != nil {
		return err
	}
	err = each(comparison{
		pause: 2 * watchCachePeriod,
		setup: func(ctx context.Context, _ int) error { return r.share(ctx, alice.namespace, "shared", "carol") },
		ours: side{label: "acl grant of what is shared already", as: alice, steps: func(n int) []step {
			return []step{{plugin, "grant", "secret:shared", fmt.Sprintf("guest-%d", n), "read"}}
		}},
		theirs: side{label: "kubectl create rolebinding", as: alice, steps: func(n int) []step {
			return []step{{r.kubectl, "create", "rolebinding", fmt.Sprintf("guest-%d", n), "--role=shared-theirs-0", fmt.Sprintf("--user=guest-%d", n)}}
		}},
	})
	if err != nil {
		return err
	}

	rights := doctor.RightsOf(doctor.Tasks())
	var asked []step
	for _, right := range rights[:4] {
		asked = append(asked, step{r.kubectl, "auth", "can-i", right.Verb, right.Resource})
	}
	for _, c := range []comparison{{
		pause: 2 * watchCachePeriod,
		ours: side{label: "acl revoke", as: alice, steps: func(n int) []step {
			return []step{{plugin, "revoke", "secret:shared", fmt.Sprintf("guest-%d", n)}}
		}},
		theirs: side{label: "kubectl delete rolebinding", as: alice, steps: func(n int) []step {
			return []step{{r.kubectl, "delete", "rolebinding", fmt.Sprintf("guest-%d", n)}}
		}},
	}, {
		ours:   side{label: "acl ls --shared", as: alice, steps: always(plugin, "ls", "--shared"), check: lines(r.pairs)},
		theirs: side{label: "kubectl get rolebindings -o wide", as: alice, steps: always(r.kubectl, "get", "rolebindings", "-o", "wide"), check: lines(r.pairs)},
	}, {
		ours: side{label: "doctor", as: alice, steps: always(r.product("kubectl-apolo_doctor")), check: lines(3)},
		theirs: side{label: "kubectl auth can-i VERB RESOURCE for each of its " + fmt.Sprint(len(rights)) + " questions", as: alice,
			scale: float64(len(rights)) / float64(len(asked)), steps: func(int) []step { return asked }, check: lines(len(asked))},
	}} {
		if err := each(c); err != nil {
			return err
		}
	}

	bob, err := r.cluster.home(ctx, "bob", "finds")
	if err != nil {
		return err
	}
	if err := r.cluster.letListNamespaces(ctx, "bob"); err != nil {
		return err
	}
	for _, count := range r.sizes.namespaces {
		if err := r.shareTo(ctx, "bob", count); err != nil {
			return err
		}
		asked := min(askedNamespaces, count)
		c := comparison{
			items: count,
			ours:  side{label: "acl ls", as: bob, steps: always(plugin, "ls"), check: lines(count)},
			theirs: side{
				label: "kubectl auth can-i --list -n NAMESPACE", as: bob,
				scale: float64(count) / float64(asked),
				check: lines(asked),
				steps: func(int) []step {
					var all []step
					for i := range asked {
						all = append(all, step{r.kubectl, "auth", "can-i", "--list", "-n", r.sharing(i * count / asked)})
					}
					return all
				},
			},
			slow:  true,
			pairs: min(10, 2*r.slowPairs),
		}
		if count == r.namespaces {
			c.targets = map[quantity]target{wall: {theRatio, 0.02}, cpu: {itself, 0.8}}
			err = each(c)
		} else {
			c.pairs = 0
			err = r.sized(ctx, count, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sharing is the name of a namespace with a grant.
func (r *runner) sharing(i int) string { return fmt.Sprintf("%s-%04d", r.cluster.run, i) }

// shareTo makes namespaces with a grant in each, until there are so many.
func (r *runner) shareTo(ctx context.Context, user string, count int) error {
	from := r.shares
	r.shares = count
	return parallel(ctx, count-from, func(i int) error {
		if err := r.cluster.namespace(ctx, r.sharing(from+i)); err != nil {
			return err
		}
		return r.share(ctx, r.sharing(from+i), "token", user)
	})
}

// share makes a secret that user may read: the objects of acl grant, without the questions that acl
// grant asks before.
func (r *runner) share(ctx context.Context, namespace, key, user string) error {
	uid, err := r.cluster.create(ctx, secretsResource, namespace, secrets.Manifest(namespace, key, []byte(user)).Object)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("apolo:secret:%s:read:%.8s", key, uid)
	binding := r.cluster.binding(name, "Role", name, user)
	binding["metadata"] = object{
		"name":            name,
		"labels":          object{wellknown.LabelGrant: wellknown.LabelTrue, wellknown.LabelObject: wellknown.Hash(key)},
		"ownerReferences": []object{{"apiVersion": "v1", "kind": "Secret", "name": key, "uid": uid}},
	}
	role := object{
		"metadata": binding["metadata"],
		"rules":    []object{{"apiGroups": []string{""}, "resources": []string{"secrets"}, "resourceNames": []string{key}, "verbs": []string{"get"}}},
	}
	if _, err := r.cluster.create(ctx, rolesResource, namespace, role); err != nil {
		return err
	}
	_, err = r.cluster.create(ctx, roleBindingsResource, namespace, binding)
	return err
}

// Package runflags is the command line that describes a job: the flags of run that say what is made,
// read into a jobspec.Spec and written from one.
package runflags

import (
	"github.com/urfave/cli/v2"

	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// The headings of the flags in the help.
const (
	lifeCategory      = "Life of the job:"
	resourcesCategory = "Resources and nodes:"
)

// Flags holds what was typed, until Spec reads it.
type Flags struct {
	name, workdir string
	entrypoint    *string // nil: not given
	env           cmdline.Strings
	envFiles      cmdline.Strings
	volumes       cmdline.Strings
	httpPort      string
	tags          cmdline.Strings
	description   string

	preset, cpu, memory, gpu, gpuResource string
	extShm, noExtShm, noPreset            bool
	nodeSelector, tolerations             cmdline.Strings
	priority, serviceAccount, pull        string
	imagePullSecrets                      cmdline.Strings
	privileged                            bool
	security, runAsUser                   string

	lifeSpan, ttl, scheduleTimeout string
	restart                        string
	remove                         bool

	stdin, tty, noTTY            bool
	detach, waitStart, noWaiting bool
}

// AddVolume adds a volume that was given by another flag than --volume.
func (f *Flags) AddVolume(text string) { f.volumes = append(f.volumes, text) }

// Detach reports whether the command returns while the job keeps running.
func (f *Flags) Detach() bool { return f.detach || f.noWaiting }

// WaitStart reports whether a command that detaches waits until the job has started, as Apolo's does.
func (f *Flags) WaitStart() bool { return !f.noWaiting }

// Remove reports whether the job is to be deleted when it has ended.
func (f *Flags) Remove() bool { return f.remove }

// CLI returns the flags. What they hold is not checked until Spec.
func (f *Flags) CLI() []cli.Flag {
	return append(f.jobFlags(), append(f.resourceFlags(), f.lifeFlags()...)...)
}

func (f *Flags) jobFlags() []cli.Flag {
	return []cli.Flag{
		list("env", "variable `NAME=VALUE`, NAME=SECRET, or NAME with the value that it has here; may be given several times", &f.env, "e"),
		list("env-file", "`FILE` with a NAME=VALUE, NAME=SECRET or NAME a line, taken as it is: no quotes, no expansion; --env overrides it", &f.envFiles),
		list("volume", "secret:KEY:/PATH/TO/FILE, disk:CLAIM:/PATH or storage:SUBPATH:/PATH, the last two with :ro or :rw after it, "+
			"as `VOLUME`, also with -v; may be given several times", &f.volumes),
		text("name", "`NAME` of the job, such as training (default: the image's, and five characters)", &f.name),
		text("workdir", "`DIRECTORY` in the container to run in, such as /src", &f.workdir, "w"),
		&cli.StringFlag{Name: "entrypoint", Usage: "`COMMAND` in place of the image's entrypoint, split into words as a shell does, such as 'sh -c'",
			Action: func(_ *cli.Context, value string) error { f.entrypoint = &value; return nil }},
		text("http-port", "`PORT` on which the job serves HTTP, such as 8080", &f.httpPort, "http"),
		list("tag", "`TEXT` to find the job by, such as nightly; may be given several times", &f.tags),
		text("description", "`TEXT` that says what the job is for, such as 'night run'", &f.description, "d"),
		boolean("tty", "give the command a terminal, and yours to it", &f.tty, "t"),
		boolean("no-tty", "give the command no terminal (the default)", &f.noTTY, "T"),
		boolean("stdin", "pass standard input to the command, as in tar c . | … -i IMAGE -- tar t", &f.stdin, "i"),
		boolean("detach", "print the job's name and return when it has started; fail if it does not start", &f.detach),
		boolean("wait-start", "wait until the job has started (the default)", &f.waitStart),
		boolean("no-wait-start", "print the job's name and return as soon as the job is created", &f.noWaiting),
	}
}

func (f *Flags) resourceFlags() []cli.Flag {
	return inCategory(resourcesCategory,
		&cli.StringFlag{Name: "preset", Aliases: []string{"s"}, Usage: "`NAME` of a set of resources, such as cpu-small; the flags below override it (--list-presets shows all); " +
			"'' takes none, not even the namespace's default", Action: func(_ *cli.Context, value string) error { f.preset, f.noPreset = value, value == ""; return nil }},
		text("cpu", "`AMOUNT` of cores, such as 500m or 2", &f.cpu),
		text("memory", "`AMOUNT` of memory, such as 512Mi or 16G", &f.memory),
		text("gpu", "`NUMBER` of GPUs, such as 1", &f.gpu),
		text("gpu-resource", "what the cluster calls a GPU, as `RESOURCE`, such as amd.com/gpu (default: nvidia.com/gpu)", &f.gpuResource),
		boolean("extshm", "make /dev/shm as large as the memory allows (the default)", &f.extShm, "x"),
		boolean("no-extshm", "leave /dev/shm at the 64 MB of the container runtime", &f.noExtShm, "X"),
		list("node-selector", "run only on nodes with the label `KEY=VALUE`, such as disk=ssd; may be given several times", &f.nodeSelector),
		list("toleration", "run also on nodes with a taint, `KEY[=VALUE][:EFFECT]`, such as gpu:NoSchedule; may be given several times", &f.tolerations),
		text("priority", "name of the priority `CLASS`, such as high", &f.priority),
		boolean("privileged", "let the container do to its node what root may", &f.privileged),
		text("security", "meet the Pod Security Standard `LEVEL` restricted, as --security restricted (the default where the namespace takes no other pods): "+
			"no root, no new privileges, no capabilities, the container runtime's seccomp profile", &f.security),
		text("run-as-user", "`UID` of the user that the container runs as, such as 1000 (default: the image's)", &f.runAsUser),
		text("service-account", "`NAME` of the service account that the job is to the API server, such as robot (default: the namespace's default one, without a token)", &f.serviceAccount),
		list("image-pull-secret", "`NAME` of a Kubernetes secret with the password of the image's registry, such as my-registry; may be given several times", &f.imagePullSecrets),
		text("pull", "`WHEN` a node fetches the image: always, missing or never (default: always for the tag latest, else missing)", &f.pull),
	)
}

func (f *Flags) lifeFlags() []cli.Flag {
	return inCategory(lifeCategory,
		text("life-span", "end the job that long after its start, a `TIME` such as 1d2h3m4s; 0 for never (default: the namespace's, else 1d)", &f.lifeSpan),
		text("schedule-timeout", "delete the job if it does not start within `TIME`, such as 10m; 0 for never (default: 0)", &f.scheduleTimeout),
		text("restart", "run the command again: `WHEN` is never, on-failure or always (default: never)", &f.restart),
		boolean("rm", "delete the job when it has ended", &f.remove),
		text("ttl", "delete the job that long after its end, a `TIME` such as 1h; 0 for never (default: 1d)", &f.ttl),
	)
}

func text(name, usage string, destination *string, short ...string) cli.Flag {
	return &cli.StringFlag{Name: name, Aliases: short, Usage: usage, Destination: destination}
}

func boolean(name, usage string, destination *bool, short ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Aliases: short, Usage: usage, Destination: destination, DisableDefaultText: true}
}

func list(name, usage string, values *cmdline.Strings, short ...string) cli.Flag {
	return &cli.GenericFlag{Name: name, Aliases: short, Usage: usage, Value: values}
}

func inCategory(category string, flags ...cli.Flag) []cli.Flag {
	for _, flag := range flags {
		switch flag := flag.(type) {
		case *cli.StringFlag:
			flag.Category = category
		case *cli.BoolFlag:
			flag.Category = category
		case *cli.GenericFlag:
			flag.Category = category
		}
	}
	return flags
}

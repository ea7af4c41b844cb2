package runflags

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/uri"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// Caller is what a job may take over from who makes it.
type Caller struct {
	Lookup   jobspec.Lookup                                 // the environment
	ReadFile func(path string, limit int64) ([]byte, error) // see cmdline.Session
}

// Spec reads the flags, and the positional arguments: an image and the command after it. Its errors
// are usage errors, except for a file that can't be read.
func (f *Flags) Spec(args []string, caller Caller) (jobspec.Spec, error) {
	spec := jobspec.New()
	spec.Image, spec.Args = args[0], args[1:]
	if err := f.files(&spec, caller); err != nil {
		return spec, err
	}
	for _, read := range []func(*jobspec.Spec, Caller) error{f.contents, f.command, f.resources, f.life} {
		if err := read(&spec, caller); err != nil {
			return spec, cmdline.Usagef("%s", err)
		}
	}
	if err := spec.Validate(); err != nil {
		return spec, cmdline.Usagef("%s", err)
	}
	return spec, nil
}

// files reads what is in files.
func (f *Flags) files(spec *jobspec.Spec, caller Caller) error {
	for _, name := range f.envFiles {
		variables, err := readEnvFile(name, caller)
		if err != nil {
			return err
		}
		spec.Variables = append(spec.Variables, variables...)
	}
	return nil
}

func readEnvFile(name string, caller Caller) ([]jobspec.Variable, error) {
	content, err := caller.ReadFile(name, jobspec.MaxVariables)
	if errors.Is(err, cmdline.ErrNothingRead) {
		return nil, fmt.Errorf("--env-file: %w", err)
	}
	if err != nil {
		return nil, cmdline.CannotRead("--env-file", name, err)
	}
	variables, err := jobspec.ParseVariables(content, caller.Lookup)
	if err != nil {
		return nil, fmt.Errorf("--env-file %s: %w", name, err)
	}
	return variables, nil
}

// contents reads what is in the container, and what it is called.
func (f *Flags) contents(spec *jobspec.Spec, caller Caller) (err error) {
	spec.Name, spec.WorkDir, spec.Description, spec.Tags = f.name, f.workdir, f.description, f.tags
	if f.entrypoint != nil {
		if spec.Entrypoint, err = jobspec.SplitEntrypoint(*f.entrypoint); err != nil {
			return err
		}
	}
	for i, text := range f.env {
		variable, err := jobspec.ParseVariable(text, caller.Lookup)
		if err != nil {
			return fmt.Errorf("--env number %d: %w", i+1, err)
		}
		spec.Variables = append(spec.Variables, variable)
	}
	for _, text := range f.volumes {
		if err := addVolume(spec, text); err != nil {
			return err
		}
	}
	if f.httpPort != "" {
		port, err := strconv.ParseUint(f.httpPort, 10, 16)
		if err != nil || port == 0 {
			return fmt.Errorf("--http-port %q must be a number from 1 to %d", f.httpPort, math.MaxUint16)
		}
		spec.HTTPPort = int32(port)
	}
	if err := f.notBoth("tty", f.tty, f.noTTY); err != nil {
		return err
	}
	spec.TTY, spec.Stdin = f.tty, f.stdin || f.tty
	return nil
}

// command splits a command that was given as one word. Where there is an entrypoint the words are its arguments.
func (f *Flags) command(spec *jobspec.Spec, _ Caller) (err error) {
	if len(spec.Entrypoint) == 0 {
		spec.Args, err = jobspec.SplitCommand(spec.Args)
	}
	return err
}

func addVolume(spec *jobspec.Spec, text string) error {
	switch {
	case uri.IsSecret(text):
		file, err := jobspec.ParseSecretFile(text)
		spec.Files = append(spec.Files, file)
		return err
	case jobspec.IsMount(text):
		mount, err := jobspec.ParseMount(text)
		spec.Mounts = append(spec.Mounts, mount)
		return err
	}
	return fmt.Errorf("volume %q must be secret:KEY:/path/to/file, disk:CLAIM:/path or storage:SUBPATH:/path", text)
}

// resources reads what the job takes of which nodes, and as what.
func (f *Flags) resources(spec *jobspec.Spec, _ Caller) error {
	for _, amount := range []struct {
		flag, text string
		to         *resource.Quantity
	}{{"cpu", f.cpu, &spec.CPU}, {"memory", f.memory, &spec.Memory}} {
		if amount.text == "" {
			continue
		}
		quantity, err := jobspec.ParseQuantity(amount.text)
		if err != nil {
			return fmt.Errorf("--%s %w", amount.flag, err)
		}
		*amount.to = quantity
	}
	if f.gpu != "" {
		number, err := strconv.ParseUint(f.gpu, 10, 31)
		if err != nil {
			return fmt.Errorf("--gpu %q must be a number of GPUs", f.gpu)
		}
		gpus := int64(number)
		spec.GPU = &gpus
	}
	if f.gpuResource != "" && f.gpu == "" && f.preset == "" {
		return fmt.Errorf("--gpu-resource needs --gpu, or a --preset with GPUs")
	}
	if err := f.notBoth("extshm", f.extShm, f.noExtShm); err != nil {
		return err
	}
	spec.ExtShm = !f.noExtShm
	for _, text := range f.nodeSelector {
		key, value, err := jobspec.ParseNodeLabel(text)
		if err != nil {
			return err
		}
		if spec.NodeSelector == nil {
			spec.NodeSelector = map[string]string{}
		}
		if other, ok := spec.NodeSelector[key]; ok && other != value {
			return fmt.Errorf("--node-selector %s=%s and %s=%s: no node can have both", key, other, key, value)
		}
		spec.NodeSelector[key] = value
	}
	for _, text := range f.tolerations {
		toleration, err := jobspec.ParseToleration(text)
		if err != nil {
			return err
		}
		if !slices.Contains(spec.Tolerations, toleration) {
			spec.Tolerations = append(spec.Tolerations, toleration)
		}
	}
	spec.NoPreset = f.noPreset
	spec.Preset, spec.GPUResource, spec.Priority, spec.Privileged = f.preset, f.gpuResource, f.priority, f.privileged
	spec.Security.Level = jobspec.SecurityLevel(f.security)
	if f.runAsUser != "" {
		id, err := jobspec.ParseUserID(f.runAsUser)
		if err != nil {
			return fmt.Errorf("--run-as-user %w", err)
		}
		spec.RunAsUser = &id
	}
	spec.ServiceAccount, spec.ImagePullSecrets, spec.Pull = f.serviceAccount, f.imagePullSecrets, jobspec.PullPolicy(f.pull)
	return nil
}

// life reads when the job begins, ends and goes.
func (f *Flags) life(spec *jobspec.Spec, _ Caller) error {
	times := map[string]struct {
		text string
		to   *time.Duration
	}{
		"life-span": {f.lifeSpan, &spec.LifeSpan}, "ttl": {f.ttl, &spec.TTL}, "schedule-timeout": {f.scheduleTimeout, &spec.ScheduleTimeout},
	}
	for _, flag := range slices.Sorted(maps.Keys(times)) {
		if times[flag].text == "" {
			continue
		}
		duration, err := duration.Parse(times[flag].text)
		if err != nil {
			return fmt.Errorf("--%s %w", flag, err)
		}
		*times[flag].to = duration
	}
	spec.OwnLifeSpan = f.lifeSpan != ""
	if f.restart != "" {
		spec.Restart = jobspec.RestartPolicy(f.restart)
	}
	switch {
	case f.waitStart && f.noWaiting:
		return f.notBoth("wait-start", true, true)
	case f.remove && f.ttl != "":
		return fmt.Errorf("--rm and --ttl both say when the job is deleted: use one of them")
	}
	// Who is attached reads the log and the exit code first, and deletes the job then.
	spec.Remove = f.remove && f.Detach()
	return nil
}

func (f *Flags) notBoth(flag string, yes, no bool) error {
	if yes && no {
		return fmt.Errorf("--%s and --no-%s exclude each other", flag, flag)
	}
	return nil
}

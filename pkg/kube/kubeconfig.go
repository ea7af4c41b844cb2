package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ErrNoKubeconfig says that there is neither a kubeconfig nor a surrounding cluster.
var ErrNoKubeconfig = errors.New("no kubeconfig found: set KUBECONFIG or --kubeconfig, or put one at ~/.kube/config")

// missingKubeconfig is ErrNoKubeconfig where a file was named.
type missingKubeconfig struct{ text string }

func (e *missingKubeconfig) Error() string        { return e.text }
func (e *missingKubeconfig) Is(target error) bool { return target == ErrNoKubeconfig }

// ConfigFiles reads the files of a kubeconfig once for a whole process, since a pipe has nothing to read the second
// time. Copies of Options share what was read. It is safe for concurrent use.
type ConfigFiles struct {
	// Context ends a read that waits, as one of a pipe may.
	Context context.Context
	// Reread is for a server that runs for days: files that other programs renew are read for each new connection.
	// What comes from a pipe is still read once.
	Reread bool
	// RegularOnly leaves pipes and devices alone, for who only looks: what is read of a pipe is gone.
	RegularOnly bool

	lock sync.Mutex
	read map[string]*configFile // by Options.Kubeconfig
}

// configFile is what was read, of one file or of a list.
type configFile struct {
	config *clientcmdapi.Config
	rules  *clientcmd.ClientConfigLoadingRules
	named  bool // by the user, so that no other identity may take its place
	err    error
}

// load reads the files that the options name.
func (o *Options) load() *configFile {
	files := o.Files
	if files == nil {
		files = &ConfigFiles{}
	}
	files.lock.Lock()
	defer files.lock.Unlock()
	if known, ok := files.read[o.Kubeconfig]; ok && !(files.Reread && known.regular()) {
		return known
	}
	found := newConfigFile(o.Kubeconfig)
	switch ctx := files.Context; {
	case files.RegularOnly && !found.regular():
		found.err = errors.New("the kubeconfig is not a regular file")
	case ctx == nil:
		found.load()
	default:
		done := make(chan struct{})
		go func() {
			defer close(done)
			found.load()
		}()
		select {
		case <-done:
		case <-ctx.Done():
			return &configFile{err: ctx.Err()} // the process ends, and with it the read
		}
	}
	if files.read == nil {
		files.read = map[string]*configFile{}
	}
	files.read[o.Kubeconfig] = found
	return found
}

func newConfigFile(path string) *configFile {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	rules.WarnIfAllMissing = false // what is returned says more
	return &configFile{rules: rules, named: path != "" || os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != ""}
}

func (f *configFile) load() {
	config, err := f.rules.Load()
	f.config, f.err = config, err
	if err != nil {
		f.err = describeConfigError(err)
	}
}

// regular reports whether no file is a pipe or a device, which can be read only once.
func (f *configFile) regular() bool {
	return !slices.ContainsFunc(f.rules.GetLoadingPrecedence(), func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && !info.Mode().IsRegular() && !info.IsDir()
	})
}

func (f *configFile) empty() bool {
	return len(f.config.Contexts)+len(f.config.Clusters)+len(f.config.AuthInfos) == 0
}

// mayBeInCluster reports whether a pod's own identity is meant: no kubeconfig was named, none has anything in it, and
// no flag names an entry of one. clientcmd would take it in more cases, such as an empty file.
func (f *configFile) mayBeInCluster(overrides *clientcmd.ConfigOverrides) bool {
	return !f.named && f.empty() && cmp.Or(overrides.CurrentContext, overrides.Context.Cluster, overrides.Context.AuthInfo) == ""
}

// loadedFiles is what a clientcmd.ClientConfig reads.
type loadedFiles struct {
	*clientcmd.ClientConfigLoadingRules
	config *clientcmdapi.Config
}

// Load implements clientcmd.ClientConfigLoader.
func (l loadedFiles) Load() (*clientcmdapi.Config, error) { return l.config, nil }

// settings are what clientcmd makes of a kubeconfig and flags.
func (f *configFile) settings(overrides *clientcmd.ConfigOverrides) (config *rest.Config, namespace string, err error) {
	var from clientcmd.ClientConfig
	if f.mayBeInCluster(overrides) {
		from = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(loadedFiles{f.rules, f.config}, overrides)
	} else {
		if err := f.checkContext(overrides); err != nil {
			return nil, "", err
		}
		from = clientcmd.NewNonInteractiveClientConfig(*f.config, overrides.CurrentContext, overrides, f.rules)
	}
	if config, err = from.ClientConfig(); err == nil {
		namespace, _, err = from.Namespace()
	}
	if clientcmd.IsEmptyConfig(err) {
		return nil, "", f.nothing(overrides)
	}
	if err != nil {
		return nil, "", describeConfigError(err)
	}
	if f.mayBeInCluster(overrides) {
		// clientcmd does not look at these flags here; to ignore --as would be to act as somebody else.
		who := overrides.AuthInfo
		config.Impersonate = rest.ImpersonationConfig{UserName: who.Impersonate, Groups: who.ImpersonateGroups}
		if config.Timeout, err = clientcmd.ParseTimeout(cmp.Or(overrides.Timeout, "0")); err != nil {
			return nil, "", describeConfigError(err)
		}
	}
	return config, namespace, nil
}

// checkContext names the contexts there are where one is chosen that does not exist.
func (f *configFile) checkContext(overrides *clientcmd.ConfigOverrides) error {
	name := cmp.Or(overrides.CurrentContext, f.config.CurrentContext)
	if _, ok := f.config.Contexts[name]; ok || name == "" {
		return nil
	}
	return fmt.Errorf("kubeconfig: context %q does not exist%s", name, f.choices())
}

// mostChoices is how many contexts an error names.
const mostChoices = 20

// choices say which contexts there are.
func (f *configFile) choices() string {
	names := slices.Sorted(maps.Keys(f.config.Contexts))
	if len(names) == 0 {
		return ", and there is no other"
	}
	more := ""
	if len(names) > mostChoices {
		more = fmt.Sprintf(", and %d more", len(names)-mostChoices)
		names = names[:mostChoices]
	}
	return "; choose one with --context: " + strings.Join(names, ", ") + more
}

// nothing says why there is no server to talk to.
func (f *configFile) nothing(overrides *clientcmd.ConfigOverrides) error {
	name := cmp.Or(overrides.CurrentContext, f.config.CurrentContext)
	cluster := overrides.Context.Cluster
	if context := f.config.Contexts[name]; context != nil && cluster == "" {
		return fmt.Errorf("kubeconfig: context %q names the cluster %q, which has no server; correct the kubeconfig, or choose another context with --context", name, context.Cluster)
	}
	switch {
	case cluster != "":
		return fmt.Errorf("kubeconfig: cluster %q has no server; correct the kubeconfig", cluster)
	case len(f.config.Contexts) > 0:
		return fmt.Errorf("the kubeconfig has no current context%s", f.choices())
	case !f.empty():
		return errors.New("the kubeconfig has no context; make one with 'kubectl config set-context', or give --cluster and --user")
	case f.rules.ExplicitPath != "":
		return &missingKubeconfig{fmt.Sprintf("no kubeconfig found: the file %s of --kubeconfig is empty", f.rules.ExplicitPath)}
	case f.named:
		return &missingKubeconfig{fmt.Sprintf("no kubeconfig found: nothing in %s, which KUBECONFIG names; correct it, or give --kubeconfig",
			strings.Join(f.rules.GetLoadingPrecedence(), ", "))}
	}
	return ErrNoKubeconfig
}

func describeConfigError(err error) error {
	text := strings.TrimPrefix(err.Error(), "invalid configuration: ")
	return fmt.Errorf("kubeconfig: %s", strings.Trim(text, "[]"))
}

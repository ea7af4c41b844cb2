package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// ActionsConfigMap holds an action a key, in the form that ParseAction reads. It is looked for in the
// namespace, and if there is none, in PresetsNamespace.
const ActionsConfigMap = "apolo-actions"

// Action is a job that is prepared for people to run: a card of the Console's dashboard.
type Action struct {
	Name        string
	Title       string
	Description string
	Image       string // empty: whoever runs it says which
	Command     []string
	Preset      string // the one that is chosen where nobody chooses; may be empty
	Terminal    bool   // the job has a terminal, which is opened when it runs

	namespace string // that it comes from, if that is not where it runs
}

// BuiltinActions are there in every namespace.
func BuiltinActions() []Action {
	return []Action{
		{
			Name: "terminal", Title: "Terminal", Description: "A shell in a new container, with the secrets and volumes that you choose.",
			Image: "ubuntu:24.04", Command: []string{"bash"}, Terminal: true,
		},
		{Name: "custom-job", Title: "Custom job", Description: "Any command in any image, with the secrets and volumes that you choose."},
	}
}

// ParseAction reads one action: YAML with any of title, description, image, command (a list of words),
// preset and terminal. It returns an error for other fields, and for what a Spec would refuse.
func ParseAction(name, text string) (Action, error) {
	var written struct {
		Title       string   `json:"title"`
		Description string   `json:"description"`
		Image       string   `json:"image"`
		Command     []string `json:"command"`
		Preset      string   `json:"preset"`
		Terminal    bool     `json:"terminal"`
	}
	if len(validation.IsConfigMapKey(name)) > 0 {
		return Action{}, fmt.Errorf("action %q: use letters, digits, '-', '_' and '.'", name)
	}
	if err := yaml.UnmarshalStrict([]byte(text), &written); err != nil {
		return Action{}, fmt.Errorf("action %q: %w", name, err)
	}
	action := Action{Name: name, Title: written.Title, Description: written.Description, Image: written.Image,
		Command: written.Command, Preset: written.Preset, Terminal: written.Terminal}
	if action.Title == "" {
		action.Title = name
	}
	spec := NewSpec()
	if spec.Image, spec.Args = action.Image, action.Command; spec.Image == "" {
		spec.Image = "image"
	}
	if err := spec.Validate(); err != nil {
		return Action{}, fmt.Errorf("action %q: %w", name, err)
	}
	return action, nil
}

// From says where an action of another namespace comes from; empty: it is the namespace's own, or built in.
func (a Action) From() string {
	if a.namespace == "" {
		return ""
	}
	return "from namespace " + a.namespace
}

// Actions reads the actions of the client's namespace: the built-in ones, and after them, sorted by
// name, those of a ConfigMap. One of this namespace that has the name of a built-in action takes its place. faulty says
// what is wrong with those that can't be used. Anyone who can't read a ConfigMap is treated as if there
// were none.
func (c *Client) Actions(ctx context.Context) (actions []Action, faulty []error, err error) {
	namespaces := slices.Compact([]string{c.kube.Namespace, PresetsNamespace})
	found := make([]*corev1.ConfigMap, len(namespaces))
	problems := make([]error, len(namespaces))
	var group sync.WaitGroup
	for i, namespace := range namespaces {
		group.Go(func() { found[i], problems[i] = c.configMap(ctx, namespace, ActionsConfigMap) })
	}
	group.Wait()
	actions = BuiltinActions()
	for i, configMap := range found {
		if problems[i] != nil {
			return nil, nil, problems[i]
		}
		if configMap != nil {
			actions, faulty = withActions(actions, configMap, c.kube.Namespace)
			break
		}
	}
	return actions, faulty, nil
}

// withActions adds those of a ConfigMap. One of another namespace says so, and takes no built-in one's place: whoever
// owns a namespace of that name would choose the image that gets the secrets.
func withActions(actions []Action, from *corev1.ConfigMap, namespace string) (all []Action, faulty []error) {
	for _, name := range slices.Sorted(maps.Keys(from.Data)) {
		action, err := ParseAction(name, from.Data[name])
		if err != nil {
			faulty = append(faulty, fmt.Errorf("ConfigMap %s/%s: %w", from.Namespace, from.Name, err))
			continue
		}
		if from.Namespace != namespace {
			action.namespace = from.Namespace
		}
		if i := slices.IndexFunc(actions, func(a Action) bool { return a.Name == name }); i >= 0 {
			if action.namespace == "" {
				actions[i] = action
			} else {
				faulty = append(faulty, fmt.Errorf("ConfigMap %s/%s: action %q is built in, and only an action of the namespace itself can replace it",
					from.Namespace, from.Name, name))
			}
			continue
		}
		actions = append(actions, action)
	}
	return actions, faulty
}

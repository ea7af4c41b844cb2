package jobspec

import (
	"fmt"
	"maps"
	"slices"

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
	spec := New()
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

// ReadActions adds to the built-in actions those of a ConfigMap, for jobs of a namespace. One of another namespace says so,
// and takes no built-in one's place: whoever owns a namespace of that name would choose the image that gets the secrets.
func ReadActions(from *corev1.ConfigMap, namespace string) (actions []Action, faulty []error) {
	actions = BuiltinActions()
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

package jobspec

import (
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestParseAction(t *testing.T) {
	got, err := ParseAction("jupyter", "title: Jupyter\ndescription: A notebook\nimage: quay.io/jupyter/base-notebook:1\ncommand: [start-notebook.py, --port, '80']\npreset: cpu-medium\nterminal: true\n")
	want := Action{Name: "jupyter", Title: "Jupyter", Description: "A notebook", Image: "quay.io/jupyter/base-notebook:1",
		Command: []string{"start-notebook.py", "--port", "80"}, Preset: "cpu-medium", Terminal: true}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseAction("plain", ""); err != nil || !reflect.DeepEqual(got, Action{Name: "plain", Title: "plain"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, test := range map[string]struct{ name, text, want string }{
		"name":          {"a/b", "", `action "a/b": use letters`},
		"unknown field": {"a", "imagee: b", `action "a": `},
		"no YAML":       {"a", "title: [", `action "a": `},
		"another type":  {"a", "command: echo hello", `action "a": `},
		"image":         {"a", "image: UPPER", `action "a": image "UPPER"`},
		"command":       {"a", "command: [\"\\0\"]", `action "a": `},
	} {
		if _, err := ParseAction(test.name, test.text); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestActionsOfAConfigMap(t *testing.T) {
	actions, faulty := ReadActions(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: ActionsConfigMap},
		Data:       map[string]string{"z": "", "a": "title: First", "terminal": "title: Shell\nimage: busybox:1", "wrong": "x"},
	}, "team")
	var titles []string
	for _, action := range actions {
		titles = append(titles, action.Title)
	}
	if !reflect.DeepEqual(titles, []string{"Shell", "Custom job", "First", "z"}) {
		t.Errorf("%q", titles)
	}
	if len(faulty) != 1 || !strings.HasPrefix(faulty[0].Error(), `ConfigMap team/apolo-actions: action "wrong": `) {
		t.Errorf("%v", faulty)
	}
}

// TestActionsOfAnotherNamespace has the owner of the namespace apolo offer actions to everybody.
func TestActionsOfAnotherNamespace(t *testing.T) {
	actions, faulty := ReadActions(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: PresetsNamespace, Name: ActionsConfigMap},
		Data:       map[string]string{"a": "title: First", "terminal": "title: Terminal\nimage: evil:1"},
	}, "team")
	if len(actions) != 3 || actions[0].Image != BuiltinActions()[0].Image || actions[0].From() != "" || actions[2].From() != "from namespace apolo" {
		t.Errorf("%+v", actions)
	}
	if len(faulty) != 1 || !strings.Contains(faulty[0].Error(), "is built in") {
		t.Errorf("%v", faulty)
	}
}

func TestBuiltinActionsCanRun(t *testing.T) {
	for _, action := range BuiltinActions() {
		spec := New()
		if spec.Image, spec.Args = action.Image, action.Command; action.Image == "" {
			continue // the user says which
		}
		if err := spec.Validate(); err != nil {
			t.Errorf("%s: %v", action.Name, err)
		}
	}
}

func FuzzParseAction(f *testing.F) {
	f.Add("a", "title: T\nimage: busybox:1\ncommand: [sh, -c, 'echo $A']\nterminal: true")
	f.Add("a", "image: '<img src=x>'")
	f.Add("..", "{}")
	f.Fuzz(func(t *testing.T, name, text string) {
		action, err := ParseAction(name, text)
		if err != nil {
			return
		}
		if action.Name != name || action.Title == "" {
			t.Errorf("%+v", action)
		}
		spec := New()
		if spec.Image, spec.Args = action.Image, action.Command; spec.Image == "" {
			spec.Image = "image"
		}
		if _, err := Build(&spec, "", "n"); err != nil {
			t.Errorf("what was read can't be run: %v", err)
		}
	})
}

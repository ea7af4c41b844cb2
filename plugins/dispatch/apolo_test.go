package dispatch

import (
	"slices"
	"strings"
	"testing"
)

func TestTakesApolosFlagsBeforeTheCommand(t *testing.T) {
	beside := plugins(t, "kubectl-apolo_job", "kubectl-apolo_run")
	for typed, want := range map[string]string{
		"-q ps":                              "apolo job|-q|ls",
		"--quiet run image":                  "apolo run|-q|image",
		"-v ps":                              "apolo job|-v=6|ls",
		"-vv ps":                             "apolo job|-v=6|ls",
		"-v 3 ps":                            "apolo job|-v=3|ls",
		"-v=3 ps":                            "apolo job|-v=3|ls",
		"--trace ps":                         "apolo job|-v=7|ls",
		"--network-timeout 30 ps":            "apolo job|--request-timeout=30s|ls",
		"--network-timeout=1m ps":            "apolo job|--request-timeout=1m|ls",
		"--color no --skip-stats -q logs x":  "apolo job|-q|logs|x",
		"--disable-pypi-version-check job x": "apolo job|x",
		"job run -q image -- -q":             "apolo run|-q|image|--|-q",
	} {
		if c := run(beside, "", append([]string{"apolo"}, strings.Fields(typed)...)...); !slices.Equal(c.args, strings.Split(want, "|")) {
			t.Errorf("%q became %q, wanted %q: %s", typed, c.args, want, c.err)
		}
	}
}

func TestSaysWhatToTypeInsteadOfApolosWords(t *testing.T) {
	beside := plugins(t, "kubectl-apolo_job")
	for typed, want := range map[string]string{
		"login":                   "kubectl config get-contexts",
		"config show":             "apolo run --list-presets",
		"project ls":              "kubectl config set-context --current --namespace NAME",
		"org ls":                  "kubectl get namespaces",
		"mkdir storage:data":      "apolo run --volume storage:DIRECTORY:/data IMAGE",
		"push image:x":            "push the image with docker",
		"disk ls":                 "kubectl get persistentvolumeclaims",
		"app install x":           "helm",
		"save job image:x":        "build one",
		"--show-traceback ps":     "use -v=6",
		"--config-path x ps":      "use --kubeconfig FILE",
		"--color always ps":       "--color must be auto or no",
		"--iso-datetime-format x": "leave it out",
		"--network-timeout":       "needs a value",
	} {
		c := run(beside, "", append([]string{"apolo"}, strings.Fields(typed)...)...)
		if c.code != exitUsage || c.path != "" || !strings.HasPrefix(c.err, "error: ") || !strings.Contains(c.err, want) || strings.Count(c.err, "\n") != 1 {
			t.Errorf("%q: code %d, ran %q, stderr %q; wanted 2 and %q", typed, c.code, c.path, c.err, want)
		}
	}
}

package dispatch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This file has what lets the command lines of Apolo's own documentation be typed as they are: its flags before the
// command, and words for its commands that there are not.

// global is what the flags before a command ask for.
type global struct {
	flags       []string // as a plugin takes them
	environment []string
}

// readGlobals takes Apolo's flags off the beginning of a command line. Its error says what to type instead of one
// that means nothing here.
func readGlobals(args []string) (g global, rest []string, err error) {
	value := func(flag string) (string, error) {
		if _, value, ok := strings.Cut(args[0], "="); ok {
			return value, nil
		}
		if len(args) == 1 {
			return "", fmt.Errorf("%s needs a value", flag)
		}
		args = args[1:]
		return args[0], nil
	}
	for ; len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-'; args = args[1:] {
		switch flag, given, hasValue := strings.Cut(args[0], "="); flag {
		case "-q", "--quiet", "-qq":
			g.flags = append(g.flags, "-q")
		case "-v", "--verbose", "-vv":
			level := "6" // Apolo's -v has none
			switch {
			case hasValue:
				level = given
			case len(args) > 1 && isNumber(args[1]):
				level, args = args[1], args[1:]
			}
			g.flags = append(g.flags, "-v="+level)
		case "--trace":
			g.flags = append(g.flags, "-v=7")
		case "--network-timeout":
			text, err := value(flag)
			if err != nil {
				return g, args, err
			}
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				text += "s"
			}
			g.flags = append(g.flags, "--request-timeout="+text)
		case "--color":
			when, err := value(flag)
			switch {
			case err != nil:
				return g, args, err
			case when == "no":
				g.environment = append(g.environment, "NO_COLOR=1")
			case when != "auto":
				return g, args, fmt.Errorf("--color must be auto or no: colours are for terminals")
			}
		case "--disable-pypi-version-check", "--skip-stats", "--hide-token": // nothing is fetched, sent or shown anyway
		case "--show-traceback":
			return g, args, fmt.Errorf("there is no %s: use -v=6", flag)
		case "--no-skip-stats", "--no-hide-token", "--iso-datetime-format", "--no-iso-datetime-format":
			return g, args, fmt.Errorf("there is no %s: leave it out", flag)
		case "--config-path", "--neuromation-config":
			return g, args, fmt.Errorf("there is no %s: use --kubeconfig FILE after the command", flag)
		default:
			return g, args, nil
		}
	}
	return g, args, nil
}

func isNumber(text string) bool {
	_, err := strconv.Atoi(text)
	return err == nil
}

// instead says what to type in place of a command of Apolo's that there is not; "" for others.
func (d *Dispatcher) instead(name string) string {
	const files = "a job reads and writes storage and disks: %s run --volume storage:DIRECTORY:/data IMAGE -- ls /data"
	const images = "push the image with docker to a registry that the cluster can reach, and use its full name"
	words := map[string]string{
		"login":           "the kubeconfig says who you are: kubectl config get-contexts",
		"logout":          "the kubeconfig says who you are: kubectl config unset current-context",
		"config":          "use kubectl config get-contexts and kubectl config use-context, and for presets: %s run --list-presets",
		"save":            "Kubernetes can't make an image of a container; build one, or keep results on a disk",
		"cp":              files,
		"ls":              files,
		"mkdir":           files,
		"mv":              files,
		"rm":              files,
		"storage":         files,
		"push":            images,
		"pull":            images,
		"image":           images,
		"images":          images,
		"disk":            "a disk is a PersistentVolumeClaim: kubectl get persistentvolumeclaims",
		"blob":            "buckets are the cloud's; keep their keys as secrets",
		"project":         "a project is a namespace: kubectl get namespaces, and kubectl config set-context --current --namespace NAME",
		"org":             "Kubernetes has no organizations, only namespaces: kubectl get namespaces",
		"app":             "install applications with helm or kubectl, and give them secrets with %s secret export --to-secret NAME",
		"app-template":    "install applications with helm or kubectl",
		"admin":           "use kubectl: projects are namespaces, quotas are ResourceQuotas, presets the ConfigMap apolo-presets",
		"service-account": "use kubectl create serviceaccount NAME",
	}
	word := words[name]
	if strings.Contains(word, "%s") {
		word = fmt.Sprintf(word, d.typed())
	}
	return word
}

// redirected is a command line of Apolo's in the words of the plugins: job run is its own plugin.
func redirected(args []string) []string {
	if len(args) > 1 && args[0] == jobPlugin && args[1] == "run" {
		return slices.Concat([]string{"run"}, args[2:])
	}
	return args
}

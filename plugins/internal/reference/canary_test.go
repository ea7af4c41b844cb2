package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube/kubetest"
	"github.com/neuro-inc/kubectl-apolo/plugins/internal/cmdline"
)

// canaries are values that a shell may put in the place of any argument. An argument of a process has no zero byte.
func canaries() map[string]string {
	return map[string]string{
		"PEM":           "-----BEGIN PRIVATE KEY-----\nc4n4ryLine1BAQEFAASCBKcwggSjAgEAAoIBAQC7\nc4n4ryLine2MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3==\n-----END PRIVATE KEY-----\n",
		"dash":          "-c4n4ryDash%hunter2",
		"several lines": "user: c4n4ryFirst\npassword: c4n4rySecond",
	}
}

// storedValue is the value of every secret of the API server.
const storedValue = "c4n4ryStored-hunter2"

// disclosed is what a text has of any canary: a word of it, or that in base64.
func disclosed(text string) string {
	for _, marker := range []string{"c4n4ry", "hunter2", "BEGIN PRIVATE"} {
		for offset := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + marker))
			// The first characters hold bits of what is before, and the last one of what is after.
			for _, form := range []string{marker, encoded[(offset*8+5)/6 : len(encoded)-1]} {
				if strings.Contains(text, form) {
					return form
				}
			}
		}
	}
	return ""
}

// quotingServer is an API server that has every secret, and refuses all else with the words of a rule that quotes the
// request. It warns with the same words.
func quotingServer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what there is of it
	w.Header().Set("Content-Type", "application/json")
	if name := path.Base(r.URL.Path); r.Method == http.MethodGet && path.Base(path.Dir(r.URL.Path)) == "secrets" {
		object := map[string]any{
			"apiVersion": "v1", "kind": "Secret",
			"metadata": map[string]any{
				"name": name, "namespace": "default", "uid": "0f3a9c21-0000-4000-8000-000000000000", "resourceVersion": "1",
				"labels": map[string]any{"apolo.us/secret": "true"}, "annotations": map[string]any{"apolo.us/key": name},
			},
			"data": map[string][]byte{name: []byte(storedValue)},
		}
		if strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadata") {
			object["apiVersion"], object["kind"] = "meta.k8s.io/v1", "PartialObjectMetadata"
			delete(object, "data")
		}
		_ = json.NewEncoder(w).Encode(object)
		return
	}
	words := fmt.Sprintf("%s %s", r.URL, body)
	w.Header().Set("Warning", "299 - "+strconv.QuoteToASCII(words))
	w.WriteHeader(http.StatusForbidden)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": http.StatusForbidden,
		"message": `admission webhook "quotes" denied the request: ` + words,
	})
}

// examples stand for what the help calls arguments.
func examples() map[string]string {
	return map[string]string{
		"KEY": "some-key", "VALUE": "some-value", "URI": "secret:some-key", "USER": "bob", "LEVEL": "read", "JOB": "some-job", "TIME": "1h", "END": "1h",
		"NAME": "some-name", "IMAGE": "busybox:1", "COMMAND": "true", "ARGUMENT": "x", "LOCAL:REMOTE": "8080:80",
		"command": "ls", // of the help that urfave/cli brings
	}
}

// walkedCommand is a command with the words that call it.
type walkedCommand struct {
	plugin plugin
	names  []string // of a plugin's command, or none
	usage  string
	flags  []cli.Flag
}

// walkCommands finds all commands, as they are once they run: with the flags that all have.
func walkCommands(t *testing.T) (all []walkedCommand) {
	t.Helper()
	for _, p := range plugins() {
		var app *cli.App
		cmdline.Run(t.Context(), []string{"kubectl apolo " + p.name, "--help"}, genericiooptions.IOStreams{Out: io.Discard, ErrOut: io.Discard},
			func(s *cmdline.Session) *cli.App {
				app = p.build(s)
				return app
			})
		if len(app.Commands) == 0 {
			all = append(all, walkedCommand{p, nil, app.ArgsUsage, app.Flags})
		}
		for _, command := range app.Commands {
			all = append(all, walkedCommand{p, []string{command.Name}, command.ArgsUsage, command.Flags})
			for _, below := range command.Subcommands {
				all = append(all, walkedCommand{p, []string{command.Name, below.Name}, below.ArgsUsage, below.Flags})
			}
		}
	}
	return all
}

// example is a call of the command with an example for each argument, and where those are.
func (c walkedCommand) example(t *testing.T) (words []string, positions []int) {
	t.Helper()
	for _, word := range strings.Fields(strings.NewReplacer("[", "", "]", "", "...", "").Replace(c.usage)) {
		if word != "--" {
			example, ok := examples()[word]
			if !ok {
				t.Fatalf("%s %v: there is no example for %s: add one", c.plugin.name, c.names, word)
			}
			positions = append(positions, len(words))
			word = example
		}
		words = append(words, word)
	}
	return words, positions
}

// calls are the command's calls with a canary: in the place of each argument, after the last, and as the value of each
// flag.
func (c walkedCommand) calls(t *testing.T, canary string, seen map[string]bool) (all [][]string) {
	t.Helper()
	words, positions := c.example(t)
	for _, position := range positions {
		replaced := slices.Clone(words)
		replaced[position] = canary
		all = append(all, replaced)
		if !slices.Contains(words[:position], "--") { // arguments that begin with "-" come after "--"
			all = append(all, slices.Insert(slices.DeleteFunc(slices.Clone(replaced), func(word string) bool { return word == "--" }), position, "--"))
		}
	}
	all = append(all, append(slices.Clone(words), canary))
	for _, flag := range c.flags {
		documented, ok := flag.(cli.DocGenerationFlag)
		if ok && !documented.TakesValue() {
			continue
		}
		categorized, ok := flag.(cli.CategorizableFlag)
		if ok && strings.HasPrefix(categorized.GetCategory(), "Connection") {
			id := c.plugin.name + flag.Names()[0]
			if seen[id] { // one command of a plugin is enough
				continue
			}
			seen[id] = true
		}
		for _, name := range flag.Names() {
			dashes := strings.Repeat("-", min(2, len(name)))
			all = append(all, append([]string{dashes + name, canary}, words...), append([]string{dashes + name + "=" + canary}, words...))
		}
	}
	return all
}

// TestNoCommandShowsAnArgument calls every command with a value of a secret in the place of every argument and of every
// flag's value, with the most talkative log, and an API server whose refusals and warnings quote all that it was sent.
// Nothing of the value is ever printed. A new command is called too.
func TestNoCommandShowsAnArgument(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(quotingServer))
	server.Config.SetKeepAlivesEnabled(false) // each call has its own connection
	server.Start()
	defer server.Close()
	t.Chdir(t.TempDir()) // for files with a canary's name
	t.Setenv("KUBECONFIG", kubetest.WriteKubeconfig(t, server.URL, "default"))
	t.Setenv("KUBE_EDITOR", "true")
	called := 0
	for kind, canary := range canaries() {
		seen := map[string]bool{}
		for _, command := range walkCommands(t) {
			for _, words := range command.calls(t, canary, seen) {
				args := slices.Concat([]string{"kubectl apolo " + command.plugin.name}, command.names, []string{"-v=10"}, words)
				output, code := callWithin(t, 5*time.Second, command.plugin, args)
				called++
				allowed := code == 0 && slices.ContainsFunc(command.names, func(name string) bool { return name == "get" || name == "export" })
				if allowed {
					output = strings.ReplaceAll(output, storedValue, "")
				}
				if found := disclosed(output); found != "" {
					t.Errorf("%s: %q shows %q:\n%s", kind, args, found, output)
				}
			}
		}
	}
	if called < 1000 {
		t.Errorf("only %d calls were made", called)
	}
}

// callWithin runs a command in this process. One that would continue, as a server does, is ended.
func callWithin(t *testing.T, limit time.Duration, p plugin, args []string) (output string, code int) {
	t.Helper()
	if p.name == "console" {
		limit = 50 * time.Millisecond
		args = slices.Insert(slices.Clone(args), 1, "--no-browser") // one that is still being opened would outlive the call
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var both lockedBuffer
	code = cmdline.Run(ctx, args, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &both, ErrOut: &both}, p.build)
	return both.String(), code
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

// Package completion answers a shell that asks what may stand where the cursor is, in the form that kubectl and the scripts of
// cobra read. What a command has to offer is in package candidates, or in the command's own plugin.
package completion

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
	"github.com/neuro-inc/kubectl-apolo/pkg/namespaces"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

const (
	// Verb asks a plugin, or the dispatcher, what may stand where the cursor is. The words after
	// it are those of the command line, the last one up to the cursor.
	Verb = "__complete"
	// completerPrefix begins the names by which kubectl looks for who completes a plugin's arguments
	// (k8s.io/kubectl/pkg/cmd/plugin, plugin_completion.go): kubectl_complete-apolo_secret.
	completerPrefix = "kubectl_complete-"
	// patienceVariable changes how long an answer may take.
	patienceVariable = "APOLO_COMPLETION_TIMEOUT"
	// patience is how long it may take otherwise: with the start of the process, a person does not
	// notice it yet.
	patience = 120 * time.Millisecond
)

// What a shell is to do, as cobra's scripts and kubectl read it in the last line of an answer.
const (
	noSpace = 2 // after the only candidate
	noFiles = 4 // names of files where there are no candidates
)

// Completer offers what may stand where the cursor is. It needs no care for errors and time: what was
// offered when its context ends, is shown.
type Completer func(ctx context.Context, c *Word)

// Completers are by what a word is called in the help: "KEY" for an argument in a command's ArgsUsage and
// the value of a flag in its Usage, "--name" for the value of one flag.
type Completers map[string]Completer

// Word is one word that is being typed.
type Word struct {
	Kube    *kube.Options
	Command string   // the name of the command that the word is for; empty where a plugin has none
	Args    []string // the arguments before it, without flags
	Text    string   // what there is of it; of --flag=value, the value

	Prefix string // what stands before Text in a word such as -nTEXT
	InFlag bool   // --flag= stands before it, which answers leave out

	lock       sync.Mutex
	candidates []candidate
	offered    map[string]bool
	open       bool
	files      bool
}

type candidate struct{ text, description string }

// NewWord is a word of which text is typed.
func NewWord(options *kube.Options, text string) *Word {
	return &Word{Kube: options, Text: text, offered: map[string]bool{}}
}

// Skip leaves out a candidate that stands in the line already.
func (c *Word) Skip(text string) { c.offered[text] = true }

// Offer adds a candidate. Those that don't begin as typed are left out, and those that a shell would read
// as anything else than one plain word: what stands in a cluster or is the name of a file, others may
// have chosen.
func (c *Word) Offer(text, description string) {
	if !strings.HasPrefix(text, c.Text) || !plain(text) || text[0] == '-' && c.Text == "" {
		return // what begins with a dash would be a flag, where none was begun
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if !c.offered[text] {
		c.offered[text] = true
		c.candidates = append(c.candidates, candidate{c.Prefix + text, description})
		if i := strings.LastIndexByte(c.Text, '='); c.InFlag && i >= 0 {
			// kubectl's script for bash takes what stands before the first = for the flag, those for zsh and
			// fish what stands before the last. Each shell leaves out what does not begin as typed.
			c.candidates = append(c.candidates, candidate{text[i+1:], description})
		}
	}
}

// OfferOpen is Offer for the beginning of a word: no space is put after it.
func (c *Word) OfferOpen(text string) {
	c.Offer(text, "")
	c.lock.Lock()
	defer c.lock.Unlock()
	c.open = c.open || c.offered[text]
}

// OfferPaths offers paths of files, with what stands before a path in the word.
func (c *Word) OfferPaths(before string) {
	folder, base := filepath.Split(strings.TrimPrefix(c.Text, before))
	read := cmp.Or(folder, ".")
	if rest, ok := strings.CutPrefix(read, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return
		}
		read = filepath.Join(home, rest)
	}
	entries, _ := os.ReadDir(read) // what can't be read has nothing to offer
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") && !strings.HasPrefix(base, ".") {
			continue
		}
		info, err := os.Stat(filepath.Join(read, entry.Name()))
		if err == nil && info.IsDir() {
			c.OfferOpen(before + folder + entry.Name() + "/")
		} else {
			c.Offer(before+folder+entry.Name(), "")
		}
	}
}

// plain reports whether all shells take a word as it is.
func plain(text string) bool {
	return text != "" && !strings.ContainsAny(text[:1], "#~=%") && strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.,/:@=+%#~", r)
	}) < 0
}

// Files lets the shell complete the name of a file.
func Files(_ context.Context, c *Word) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.files = true
}

// Words offers fixed words. One that ends with "=" continues.
func Words(words ...string) Completer {
	return func(_ context.Context, c *Word) {
		for _, word := range words {
			if strings.HasSuffix(word, "=") {
				c.OfferOpen(word)
			} else {
				c.Offer(word, "")
			}
		}
	}
}

// WordList offers fixed words for a list with commas between them.
func WordList(words ...string) Completer {
	return func(_ context.Context, c *Word) {
		before := c.Text[:strings.LastIndexByte(c.Text, ',')+1]
		for _, word := range words {
			if !slices.Contains(strings.Split(before, ","), word) {
				c.OfferOpen(before + word)
			}
		}
	}
}

// kubeconfig offers names of entries of the kubeconfig.
func kubeconfig(names func(kube.Entries) []string) Completer {
	return func(_ context.Context, c *Word) {
		entries, err := kube.EntriesOf(c.Kube)
		if err != nil {
			return
		}
		for _, name := range names(entries) {
			c.Offer(name, "")
		}
	}
}

// offerNamespaces begins with what is known without a request.
func offerNamespaces(ctx context.Context, c *Word) { c.OfferNamespaces(ctx, "", "", "") }

// OfferNamespaces offers the namespaces of a cluster, the current one where its name is empty, with text
// before and after each.
func (c *Word) OfferNamespaces(ctx context.Context, cluster, before, after string) {
	offer := func(names []string) {
		for _, name := range names {
			if after == "" {
				c.Offer(before+name, "")
			} else {
				c.OfferOpen(before + name + after)
			}
		}
	}
	client, err := kube.NewClientFor(c.Kube, cluster)
	if err != nil {
		return
	}
	if known, err := namespaces.Known(c.Kube, client); err == nil {
		offer(known)
	}
	if all, err := namespaces.All(ctx, client); err == nil {
		offer(all)
	}
}

// Find returns a plugin's own Completer for the first of several keys, or one that all plugins have.
func (own Completers) Find(keys ...string) Completer {
	common := Completers{
		"--context": kubeconfig(func(e kube.Entries) []string { return e.Contexts }),
		"--cluster": kubeconfig(func(e kube.Entries) []string { return e.Clusters }),
		"--user":    kubeconfig(func(e kube.Entries) []string { return e.Users }),
		"NAMESPACE": offerNamespaces,
		"FILE":      Files,
	}
	for _, key := range keys {
		if found, ok := own[key]; ok {
			return found
		}
		if found, ok := common[key]; ok {
			return found
		}
	}
	return func(context.Context, *Word) {}
}

// Requested returns the words to complete, where that is what a process was started for.
func Requested(args []string) (words []string, ok bool) {
	switch {
	case strings.HasPrefix(filepath.Base(args[0]), completerPrefix):
		words = args[1:]
	case len(args) > 1 && args[1] == Verb:
		words = args[2:]
	default:
		return nil, false
	}
	if len(words) == 0 {
		words = []string{""}
	}
	return words, true
}

// Answer prints what may stand in place of a word, once ready has returned. It never fails and never takes longer than its
// patience, whatever the cluster and the programs that log in to it do.
func Answer(ctx context.Context, out io.Writer, word *Word, with Completer, ready func() error) {
	limit, err := time.ParseDuration(os.Getenv(patienceVariable))
	if err != nil {
		limit = patience
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if ready() == nil {
			with(ctx, word)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done(): // a program that gets credentials, or a file system, may not heed it
	}
	word.print(out)
}

// print writes the candidates, each in a line with a description after a tab, and the directive, in the
// form that kubectl and cobra's scripts read.
func (c *Word) print(out io.Writer) {
	c.lock.Lock()
	defer c.lock.Unlock()
	var b strings.Builder
	for _, found := range c.candidates {
		b.WriteString(found.text)
		if found.description != "" {
			b.WriteString("\t" + sanitize.Line(found.description))
		}
		b.WriteByte('\n')
	}
	directive := noFiles
	if c.files {
		directive = 0
	}
	if c.open {
		directive += noSpace
	}
	fmt.Fprintf(&b, ":%d\n", directive)
	_, _ = io.WriteString(out, b.String()) // who asked is gone
}

package soak

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
	"github.com/neuro-inc/kubectl-apolo/pkg/secrets"
)

// An actor runs commands. The first three are people, each admin of the namespace that is called like them here; the
// last is a service account of bob's namespace, which has nothing but what is granted to it.
type actor string

const (
	alice  actor = "alice"
	bob    actor = "bob"
	carol  actor = "carol"
	runner actor = "runner"
)

func people() []actor { return []actor{alice, bob, carol} }

func actors() []actor { return append(people(), runner) }

// home is the namespace of an actor's kubeconfig, by whose it is.
func (a actor) home() actor {
	if a == runner {
		return bob
	}
	return a
}

// owns reports whether an actor is admin of a namespace.
func (a actor) owns(space actor) bool { return a == space }

// A grantee is written as in a command, with {bob} for the name of bob's namespace.
type grantee string

// devs is the one group here.
const devs grantee = "group:devs"

func grantees() []grantee {
	return []grantee{"bob", "carol", "alice", devs, "sa:{bob}:runner"}
}

// identities are the grantees that an actor is.
func (a actor) identities() []grantee {
	switch a {
	case bob:
		return []grantee{"bob", devs} // the local cluster has him in that group
	case runner:
		return []grantee{"sa:{bob}:runner"}
	}
	return []grantee{grantee(a)}
}

// described is a grantee in the words of a result.
func (g grantee) described() string {
	if strings.Contains(string(g), ":") {
		return string(g)
	}
	return "user " + string(g)
}

// level is 0 for none, or one more than its index.
type level int

const (
	none level = iota
	read
	write
	manage
)

func (l level) String() string { return []string{"none", "read", "write", "manage"}[l] }

// binding is the RoleBinding of a level. Its Role exists as long as the secret.
type binding struct {
	subjects []grantee
	owned    bool // it has the secret as its owner
	labelled bool // it has the labels of a grant, which nothing may depend on
}

// secret is a Kubernetes Secret.
type secret struct {
	uid      types.UID // learnt once the cluster has it
	mark     string    // of the label: "true", "adopted", or empty where it is not Apolo's
	key      string    // as it was written; the name of the Secret where it is not Apolo's own
	dataKey  string    // of one that is adopted
	data     map[string]string
	bindings map[level]*binding
}

// value is what get prints of a secret that is marked.
func (s *secret) value() string {
	if s.mark == "adopted" {
		return s.data[s.dataKey]
	}
	return s.data[s.key]
}

// levelOf is what a secret's grants give to somebody.
func (s *secret) levelOf(who ...grantee) level {
	highest := none
	for l, b := range s.bindings {
		if slices.ContainsFunc(who, func(g grantee) bool { return slices.Contains(b.subjects, g) }) {
			highest = max(highest, l)
		}
	}
	return highest
}

// leftover is a RoleBinding that has outlived its secret. Its Role is gone.
type leftover struct {
	object string
	uid    types.UID
	level  level
	unsure bool // it went with its Role where a command was faster than the garbage collector
	binding
}

// job is one that runs, or one that has ended well and was kept.
type job struct {
	uri    string // of the secret that it uses, as the job names it
	uses   string // the key of its own namespace that it uses, or empty
	copies bool   // it has a copy of another namespace's secret
	value  string // what it was given and has printed
	life   time.Duration
	ended  bool
}

// space is a namespace.
type space struct {
	secrets map[string]*secret // by the name of the Kubernetes Secret
	left    []leftover
	jobs    map[string]job
}

// count is how many jobs have ended, or not.
func (s *space) count(ended bool) int {
	n := 0
	for _, j := range s.jobs {
		if j.ended == ended {
			n++
		}
	}
	return n
}

// model is what the cluster holds, as far as the commands are concerned.
type model struct {
	spaces map[actor]*space
	// remembered are the namespaces that commands of an actor have used.
	remembered map[actor]map[actor]bool
}

func newModel() *model {
	m := &model{spaces: map[actor]*space{}, remembered: map[actor]map[actor]bool{}}
	for _, a := range people() {
		m.spaces[a] = &space{secrets: map[string]*secret{}, jobs: map[string]job{}}
	}
	for _, a := range actors() {
		m.remembered[a] = map[actor]bool{}
	}
	return m
}

// level is what an actor has of a secret through grants, whatever else he may do in its namespace.
func (m *model) level(a actor, space actor, object string) level {
	found := m.spaces[space].secrets[object]
	if found == nil {
		return none
	}
	return found.levelOf(a.identities()...)
}

// may reports whether an actor has a level of a secret, granted or because the namespace is his.
func (m *model) may(a actor, at ref, wanted level) bool {
	return a.owns(at.space) || m.level(a, at.space, at.object()) >= wanted
}

// answer is what a command has to answer.
type answer struct {
	code  int
	out   string     // the whole of standard output; not looked at where table is set
	table [][]string // its rows, without headings; in whatever order here, and printed in the order of their cells
	// matches is a regular expression for the whole of standard output, in place of out.
	matches string
	// unordered says that the rows may be printed in another order.
	unordered bool
	// errs are the lines of standard error. Each has to contain all of its phrases.
	errs [][]string
}

// failure is an answer of one error.
func failure(code int, phrases ...string) answer {
	return answer{code: code, errs: [][]string{append([]string{"error: "}, phrases...)}}
}

// unseenGrants is the warning for somebody who can't list Roles.
func unseenGrants() []string {
	return []string{"warning: ", "grants of an earlier secret of the same name would still give access", "you lack permission to list roles"}
}

// warned adds a warning to an answer, above its errors.
func (want answer) warned(phrases ...string) answer {
	want.errs = slices.Insert(want.errs, 0, phrases)
	return want
}

func forbidden(verb, resource string) []string {
	return []string{"you lack permission to " + verb + " " + resource}
}

// lookup is what every command does first with a secret: nil, or the answer that it ends with.
func (m *model) lookup(a actor, at ref) (*secret, *answer) {
	found := m.spaces[at.space].secrets[at.object()]
	var failed answer
	switch {
	case !m.may(a, at, read):
		failed = failure(1, forbidden("get", "secrets")...)
	case found == nil:
		failed = failure(1, "does not exist in namespace")
	case found.mark == "":
		failed = failure(1, "taken by a Kubernetes Secret that Apolo did not make")
	default:
		return found, nil
	}
	return nil, &failed
}

// use notes that a command of an actor has used a namespace.
func (m *model) use(a actor, at ref) {
	if at.space != a.home() && at.form != formNamespace {
		m.remembered[a][at.space] = true
	}
}

// add is secret add, and the second half of cp and mv. It returns nil where it has stored the value.
func (m *model) add(a actor, at ref, value string, overwrite bool) (what string, failed *answer) {
	in := m.spaces[at.space]
	found := in.secrets[at.object()]
	fail := func(phrases ...string) (string, *answer) {
		f := failure(1, phrases...)
		return "", &f
	}
	adopted := found != nil && found.mark == "adopted"
	foreign := found != nil && found.mark == ""
	switch {
	case overwrite && !m.may(a, at, write):
		return fail(forbidden("patch", "secrets")...)
	case !overwrite && !a.owns(at.space):
		return fail(forbidden("create", "secrets")...)
	case adopted:
		return fail("is adopted: its value belongs to " + toolName)
	case foreign:
		return fail("taken by a Kubernetes Secret that Apolo did not make")
	case found != nil && !overwrite:
		return fail("already exists; --overwrite replaces its value")
	}
	if found != nil {
		found.data = map[string]string{at.key: value}
		return "replaced", nil
	}
	in.secrets[at.object()] = &secret{mark: "true", key: at.key, data: map[string]string{at.key: value}, bindings: map[level]*binding{}}
	return "created", nil
}

// store is import of one value, from wherever it comes.
func (m *model) store(a actor, at ref, value string, overwrite bool) answer {
	found := m.spaces[at.space].secrets[at.object()]
	what := "created"
	switch {
	case !m.may(a, at, read) && overwrite:
		return failure(1, forbidden("patch", "secrets")...)
	case !m.may(a, at, read):
		return failure(1, forbidden("create", "secrets")...)
	case found == nil:
		found = &secret{mark: "true", key: at.key, bindings: map[level]*binding{}}
		m.spaces[at.space].secrets[at.object()] = found
	case found.mark == "":
		return nothingImported("taken by a Kubernetes Secret that Apolo did not make")
	case found.mark == "adopted":
		return nothingImported("is adopted: its value belongs to " + toolName)
	case found.value() == value:
		return done("secret/%s unchanged (%s)", at.key, size(value))
	case !overwrite:
		return nothingImported("already exists with another value; --overwrite replaces it")
	case !m.may(a, at, write):
		return failure(1, forbidden("patch", "secrets")...)
	default:
		what = "replaced"
	}
	found.data = map[string]string{at.key: value}
	return done("secret/%s %s (%s)", at.key, what, size(value))
}

func nothingImported(phrases ...string) answer {
	f := failure(1, phrases...)
	f.errs = append(f.errs, []string{"error: nothing was imported"})
	return f
}

// size is how long a value is, in the words of a result.
func size(value string) string {
	if len(value) == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", len(value))
}

// run is a job that can be made, which takes the place of one of its name that has ended, or the answer that run ends with.
func (m *model) run(s *step) (job, *answer) {
	found, failed := m.lookup(s.actor, s.at)
	if failed != nil {
		return job{}, failed
	}
	if earlier, there := m.spaces[s.actor].jobs[s.name]; there && !earlier.ended {
		f := failure(1, "already exists; choose another name")
		return job{}, &f
	}
	j := job{value: found.value(), life: jobspec.DefaultLifeSpan, uri: "secret:" + s.at.key, uses: s.at.key}
	if s.at.space != s.actor {
		j.uri, j.uses, j.copies = "secret:/{"+string(s.at.space)+"}/"+s.at.key, "", true
	}
	return j, nil
}

// find is the job of a step, or the answer that a command about it ends with.
func (m *model) find(s *step) (job, *answer) {
	j, ok := m.spaces[s.actor].jobs[s.name]
	if !ok {
		f := failure(1, "there is no job")
		return j, &f
	}
	return j, nil
}

// vanish takes a secret away without its grants, as the garbage collector then finds them. A command may come before it.
func (m *model) vanish(at ref, unsure bool) {
	in := m.spaces[at.space]
	found := in.secrets[at.object()]
	for l, b := range found.bindings {
		if !b.owned {
			in.left = append(in.left, leftover{object: at.object(), uid: found.uid, level: l, unsure: unsure, binding: *b})
		}
	}
	delete(in.secrets, at.object())
}

// users are the jobs that use a key and have not ended, as a pattern.
func (m *model) users(at ref) []string {
	var names []string
	for name, j := range m.spaces[at.space].jobs {
		if j.uses == at.key && !j.ended {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// grant is acl grant.
func (m *model) grant(a actor, at ref, to grantee, wanted level) answer {
	found, failed := m.lookup(a, at)
	if failed != nil {
		return *failed
	}
	if !m.may(a, at, manage) {
		return failure(1, append(forbidden("get", "rolebindings"), "to share a secret you need the level manage on it")...)
	}
	if found.mark == "adopted" && wanted != read {
		return failure(1, "is adopted: it belongs to "+toolName, "only read can be granted")
	}
	before := found.levelOf(to)
	m.use(a, at)
	want := m.granted(at, found, to, before, wanted)
	if !a.owns(at.space) {
		want = want.warned(unseenGrants()...)
	}
	return want
}

// granted is grant by somebody who can.
func (m *model) granted(at ref, found *secret, to grantee, before, wanted level) answer {
	line := fmt.Sprintf("secret/%s granted to %s (%s, was %s)", at.key, to.described(), wanted, before)
	switch {
	case before == wanted:
		return done("secret/%s unchanged (%s has %s already)", at.key, to.described(), before)
	case before > wanted:
		return done("secret/%s unchanged (%s has %s, which includes %s; to lower it, revoke it first)", at.key, to.described(), before, wanted)
	case before == none:
		line = fmt.Sprintf("secret/%s granted to %s (%s)", at.key, to.described(), wanted)
	}
	needed := []level{wanted}
	if wanted == manage {
		needed = []level{read, write, manage}
	}
	for _, l := range needed {
		if found.bindings[l] == nil {
			found.bindings[l] = &binding{owned: true, labelled: true}
		}
	}
	// This also sets right what makes a binding one of the secret.
	found.bindings[wanted] = &binding{subjects: append(slices.Clone(found.bindings[wanted].subjects), to), owned: true, labelled: true}
	if before != none {
		found.bindings[before].remove(to)
	}
	return answer{out: line + "\n"}
}

// remove takes a grantee out, and leaves all else as it is.
func (b *binding) remove(g grantee) {
	b.subjects = slices.DeleteFunc(slices.Clone(b.subjects), func(s grantee) bool { return s == g })
}

// revoke is acl revoke.
func (m *model) revoke(a actor, at ref, from grantee, ignoreNotFound bool) answer {
	found, failed := m.lookup(a, at)
	foreign := m.spaces[at.space].secrets[at.object()] // has no grants, but whoever owns the namespace may ask
	switch {
	case failed != nil && a.owns(at.space) && foreign != nil:
		found = foreign
	case failed != nil && ignoreNotFound && strings.HasPrefix(failed.errs[0][1], "does not exist"):
		return answer{}
	case failed != nil:
		return *failed
	case !m.may(a, at, manage):
		return failure(1, append(forbidden("get", "rolebindings"), "to share a secret you need the level manage on it")...)
	}
	before := found.levelOf(from)
	var want answer
	if before != none {
		found.bindings[before].remove(from)
		want = done("secret/%s revoked from %s (was %s)", at.key, from.described(), before)
	} else if !ignoreNotFound {
		want = failure(1, string(from)+" has no grant")
	}
	if l := found.levelOf(devs); l != none && from != devs {
		still := fmt.Sprintf("%s still has access if they are in %s (%s)", from, devs, l)
		if want.code != 0 {
			want.errs[0] = append(want.errs[0], still)
		} else {
			want = want.warned("warning: ", still)
		}
	}
	if !a.owns(at.space) {
		want = want.warned(unseenGrants()...)
	}
	return want
}

func done(format string, args ...any) answer { return answer{out: fmt.Sprintf(format, args...) + "\n"} }

// objectOf is the name of the Kubernetes Secret of a key. The rule for it has its own tests.
func objectOf(key string) string { return secrets.ObjectName(key) }

// namesOf are the grants of a namespace that acl ls shows to an actor.
func (m *model) namesOf(who []grantee, in actor) (rows [][]string) {
	for _, found := range m.spaces[in].secrets {
		if l := found.levelOf(who...); l != none {
			rows = append(rows, []string{full(in, found.key), l.String()})
		}
	}
	return rows
}

// sharedRows is acl ls --shared for one's namespace.
func (m *model) sharedRows(in actor) (rows [][]string) {
	for _, found := range m.spaces[in].secrets {
		rows = append(rows, found.rows(in)...)
	}
	for _, object := range m.spaces[in].leftObjects() {
		key := object
		if now := m.spaces[in].secrets[object]; now != nil && now.mark != "" {
			key = now.key
		}
		rows = append(rows, m.spaces[in].staleRows(in, key, object)...)
	}
	return rows
}

// leftObjects are the names of the secrets that leftovers are of.
func (s *space) leftObjects() []string {
	objects := map[string]bool{}
	for _, left := range s.left {
		objects[left.object] = true
	}
	return slices.Collect(maps.Keys(objects))
}

// staleRows are who could use an earlier secret, each once.
func (s *space) staleRows(in actor, key, object string) (rows [][]string) {
	for _, left := range s.left {
		for _, g := range left.subjects {
			row := []string{full(in, key), string(g), left.level.String() + " (stale: its role is gone, gives nothing)"}
			if left.object == object && !slices.ContainsFunc(rows, func(r []string) bool { return slices.Equal(r, row) }) {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// rows are who can use a secret.
func (s *secret) rows(in actor) (rows [][]string) {
	for l, b := range s.bindings {
		for _, g := range b.subjects {
			rows = append(rows, []string{full(in, s.key), string(g), l.String()})
		}
	}
	return rows
}

// full is the complete URI of a key.
func full(in actor, key string) string { return "secret://default/{" + string(in) + "}/" + key }

// keys are what secret ls lists, sorted.
func (m *model) keys(in actor, want func(*secret) bool) []string {
	var keys []string
	for _, s := range m.spaces[in].secrets {
		if s.mark != "" && want(s) {
			keys = append(keys, s.key)
		}
	}
	slices.Sort(keys)
	return keys
}

// anything stands for whatever is in a cell.
const anything = "*"

var (
	gap      = regexp.MustCompile(` {2,}`)
	errorRow = regexp.MustCompile(`(?m)^(error|warning): `)
)

// parseTable reads the rows of a table.
func parseTable(text string) ([][]string, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] != "" || !strings.HasPrefix(lines[2], "╶") {
		return nil, fmt.Errorf("this is no table")
	}
	rows := [][]string{}
	for _, line := range lines[3:] {
		rows = append(rows, gap.Split(strings.TrimSpace(line), -1))
	}
	return rows, nil
}

// differs says, in a sentence, what of an answer is not what it should be; empty for nothing.
func (want answer) differs(code int, stdout, stderr string, names func(string) string) string {
	if code != want.code {
		return fmt.Sprintf("it ended with %d, want %d", code, want.code)
	}
	if want.table != nil {
		rows, err := parseTable(stdout)
		if err != nil {
			return err.Error()
		}
		wanted := make([][]string, 0, len(want.table))
		for _, row := range want.table {
			var named []string
			for _, cell := range row {
				if cell != "" {
					named = append(named, names(cell))
				}
			}
			wanted = append(wanted, named)
		}
		order := func(a, b []string) int { return cmp.Compare(strings.Join(a, "\t"), strings.Join(b, "\t")) }
		slices.SortFunc(wanted, order)
		if want.unordered {
			slices.SortFunc(rows, order)
		}
		same := func(a, b string) bool { return a == b || b == anything }
		if !slices.EqualFunc(rows, wanted, func(a, b []string) bool { return slices.EqualFunc(a, b, same) }) {
			return fmt.Sprintf("it printed the rows %q, want %q", rows, wanted)
		}
	} else if want.matches != "" {
		if !regexp.MustCompile("^" + want.matches + "$").MatchString(stdout) {
			return fmt.Sprintf("it printed %q, want %s", stdout, want.matches)
		}
	} else if out := names(want.out); stdout != out {
		return fmt.Sprintf("it printed %q, want %q", stdout, out)
	}
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if stderr == "" {
		lines = nil
	}
	if len(lines) != len(want.errs) || len(errorRow.FindAllString(stderr, -1)) != len(lines) {
		return fmt.Sprintf("it complained %q, want %d lines: %q", stderr, len(want.errs), want.errs)
	}
	for i, phrases := range want.errs {
		for _, phrase := range phrases {
			if phrase = names(phrase); !strings.Contains(lines[i], phrase) {
				return fmt.Sprintf("it complained %q, want %q in it", lines[i], phrase)
			}
		}
	}
	return ""
}

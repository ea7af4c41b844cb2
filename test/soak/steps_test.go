package soak

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kballard/go-shellquote"
	"pgregory.net/rapid"

	"github.com/neuro-inc/kubectl-apolo/pkg/duration"
	"github.com/neuro-inc/kubectl-apolo/pkg/jobspec"
)

// form is how a secret is written in a command.
type form int

const (
	formShort     form = iota // KEY, or secret:KEY where only a URI will do
	formSpace                 // secret:/NAMESPACE/KEY
	formFull                  // secret://CLUSTER/NAMESPACE/KEY
	formNamespace             // KEY -n NAMESPACE
)

// ref is a secret as a command names it.
type ref struct {
	space actor // whose namespace
	key   string
	form  form
}

func (r ref) object() string { return objectOf(r.key) }

// arg is the secret as one argument of a command that takes a KEY or a URI.
func (r ref) arg() string {
	switch r.form {
	case formSpace:
		return "secret:/{" + string(r.space) + "}/" + r.key
	case formFull:
		return full(r.space, r.key)
	}
	return r.key
}

// uri is the secret as one argument of a command that takes a URI.
func (r ref) uri() string {
	if arg := r.arg(); strings.HasPrefix(arg, "secret:") {
		return arg
	}
	return "secret:" + r.key
}

// flags are what a command needs besides.
func (r ref) flags() []string {
	if r.form == formNamespace {
		return []string{"-n", "{" + string(r.space) + "}"}
	}
	return nil
}

// toolName is whose an adopted secret is here: kubectl's own name for kubectl create.
const toolName = "kubectl-create"

// keys are few, so that commands meet. The second can't be the name of a Kubernetes Secret.
func keys() []string { return []string{"token", "API_KEY", "db.cfg"} }

// step is one command of one actor, with all that was drawn for it.
type step struct {
	verb   *verb
	model  *model // before it
	actor  actor
	at     ref
	to     ref    // of cp and mv, and the second KEY of rm
	typed  string // a value as it is typed
	value  string // and what it stands for
	text   string // of a file, or what an editor leaves
	to2    grantee
	level  level
	data   string // a data key
	flag   bool
	flag2  bool
	number string // of the step, such as no other has
	name   string // of a job
	which  int    // of an actor's jobs
}

// verb is something that can be done.
type verb struct {
	name   string
	weight int
	// shell is a command of kubectl in place of one of Apolo's.
	shell bool
	draw  func(*rapid.T, *step)
	// args are the command's words. {alice} in them stands for the name of alice's namespace.
	args func(*step) []string
	// file says that the command reads a file with the step's text, or starts an editor, which leaves it.
	file bool
	// expect says what has to be answered, and changes the model as the command changes the cluster.
	expect func(*model, *step) answer
	// reads says that nothing changes.
	reads bool
	// unless reports whether a step makes no sense as things are, and is to be left out.
	unless func(*model, *step) bool
	// instead does the step where no command can; it says what is wrong.
	instead func(*walk, *step) string
	script  func(*step) []string // its lines for a shell
	// then is a step that follows at once, before anything can settle.
	then func(*step) *step
}

// drawSecret draws a secret, mostly one that there is, and mostly somebody who can do something with it.
func drawSecret(t *rapid.T, s *step) { drawPreferred(t, s, func(*secret) bool { return true }) }

// drawPreferred is drawSecret for those that a verb is about.
func drawPreferred(t *rapid.T, s *step, prefers func(*secret) bool) {
	s.at = drawRef(t, s.actor, "secret")
	var there []ref
	for _, space := range people() {
		for _, key := range keys() {
			if found := s.model.spaces[space].secrets[objectOf(key)]; found != nil && prefers(found) {
				there = append(there, ref{space: space, key: key, form: s.at.form})
			}
		}
	}
	if len(there) == 0 || one(t, "any", false, false, true) {
		return
	}
	s.at = one(t, "one that is there", there...)
	may := []actor{s.at.space}
	for _, a := range actors() {
		if a != s.at.space && s.model.may(a, s.at, read) {
			may = append(may, a)
		}
	}
	if one(t, "one who may", true, true, false) {
		s.actor = one(t, "who", may...)
	}
	s.at = s.at.as(s.actor)
}

// drawNew draws a key to be added, or one that is there to be replaced.
func drawNew(t *rapid.T, s *step) {
	if drawFlag(t, s); s.flag {
		drawSecret(t, s)
		return
	}
	s.at = drawRef(t, s.actor, "secret")
	if one(t, "at home", true, true, false) && s.actor != runner {
		s.at.space = s.actor
	}
}

// as is a secret in a form in which an actor can name it.
func (r ref) as(a actor) ref {
	if r.form == formShort && r.space != a.home() {
		r.form = formSpace
	}
	return r
}

func drawRef(t *rapid.T, a actor, label string) ref {
	home := a.home()
	r := ref{
		space: one(t, label+" namespace", home, home, home, alice, alice, bob, carol),
		key:   one(t, label+" key", keys()...),
		form:  one(t, label+" form", formShort, formSpace, formFull, formNamespace),
	}
	return r.as(a)
}

func drawValue(t *rapid.T, s *step) {
	base := one(t, "value", "v", "p@$$w0rd", "@at", "", "two\nlines\n", "ünï ✓ 'quoted'")
	number := "-" + s.number // no two steps store the same
	if base != "" {
		s.value = base + number
	}
	if s.typed = s.value; strings.HasPrefix(s.value, "@") {
		s.typed = `\` + s.value
	}
	s.text = s.value
	if found := s.model.spaces[s.at.space].secrets[s.at.object()]; found != nil && one(t, "as it is", false, false, true) {
		s.text = found.value()
	}
	s.text += one(t, "end", "", "\n")
}

func drawTwo(t *rapid.T, s *step) {
	drawSecret(t, s)
	s.to = drawRef(t, s.actor, "to")
	if s.at.form == formNamespace { // is one for both keys
		s.at.form = formFull
	}
	if s.to.form == formNamespace {
		s.to.form = formSpace
	}
	drawFlag(t, s)
}

func drawFlag(t *rapid.T, s *step) { s.flag = rapid.Bool().Draw(t, "flag") }

func drawGrant(t *rapid.T, s *step) {
	drawSecret(t, s)
	if s.at.form == formNamespace {
		s.at.form = formSpace
	}
	s.to2 = one(t, "grantee", grantees()...)
	s.level = one(t, "level", read, write, manage, read, manage)
	drawFlag(t, s)
}

// one draws one of several, each as likely as the others: rapid's own generators prefer the first ones. A walk is made
// shorter towards the first.
func one[T any](t *rapid.T, label string, of ...T) T {
	const bits = 12
	return rapid.Custom(func(t *rapid.T) T {
		number := 0
		for range bits {
			number <<= 1
			if rapid.Bool().Draw(t, "bit") {
				number++
			}
		}
		return of[number*len(of)>>bits]
	}).Draw(t, label)
}

func both(draws ...func(*rapid.T, *step)) func(*rapid.T, *step) {
	return func(t *rapid.T, s *step) {
		for _, draw := range draws {
			draw(t, s)
		}
	}
}

func words(list ...any) []string {
	var all []string
	for _, item := range list {
		switch item := item.(type) {
		case string:
			all = append(all, item)
		case []string:
			all = append(all, item...)
		}
	}
	return all
}

func when(flag bool, word ...string) []string {
	if flag {
		return word
	}
	return nil
}

// startVerb runs a job that stays, with the flag that says when run returns.
func startVerb(flag string, weight int, then func(*step) *step) *verb {
	return &verb{name: "run " + flag, weight: weight, draw: drawNewJob,
		unless: func(m *model, s *step) bool {
			nameNewJob(m, s)
			return m.spaces[s.actor].count(false) >= mostJobs
		},
		args: func(s *step) []string {
			return words("run", "-q", flag, "--name", s.name, "--env", "X="+s.at.uri(), "busybox:1", "--", "sh", "-c", show+"; "+stay)
		},
		expect: func(m *model, s *step) answer {
			j, failed := m.run(s)
			if failed != nil {
				return *failed
			}
			m.spaces[s.actor].jobs[s.name] = j
			return answer{out: s.name + "\n"}
		},
		then: then}
}

// verbs are all that can be done.
func verbs() []*verb {
	return []*verb{
		{name: "add", weight: 20, draw: both(drawNew, drawValue),
			args: func(s *step) []string {
				return words("secret", "add", s.at.arg(), s.at.flags(), when(s.flag, "--overwrite"), "--", s.typed)
			},
			expect: func(m *model, s *step) answer {
				what, failed := m.add(s.actor, s.at, s.value, s.flag)
				if failed != nil {
					return *failed
				}
				m.use(s.actor, s.at)
				return done("secret/%s %s (%s)", s.at.key, what, size(s.value))
			}},
		{name: "get", weight: 14, reads: true, draw: drawSecret,
			args: func(s *step) []string { return words("secret", "get", s.at.arg(), s.at.flags()) },
			expect: func(m *model, s *step) answer {
				found, failed := m.lookup(s.actor, s.at)
				if failed != nil {
					return *failed
				}
				m.use(s.actor, s.at)
				return answer{out: found.value()}
			}},
		{name: "ls", weight: 5, reads: true, draw: both(drawSecret, drawFlag),
			args: func(s *step) []string {
				return words("secret", "ls", "-n", "{"+string(s.at.space)+"}", when(s.flag, "-o", "wide"))
			},
			expect: expectLs},
		{name: "rm", weight: 7, draw: func(t *rapid.T, s *step) {
			drawTwo(t, s)
			s.flag2 = rapid.Bool().Draw(t, "second flag")
			if rapid.Bool().Draw(t, "one key") || s.at.space == s.to.space && s.at.key == s.to.key {
				s.to = ref{}
			}
		},
			args: func(s *step) []string {
				return words("secret", "rm", s.at.arg(), when(s.to.key != "", s.to.arg()), when(s.flag, "--ignore-not-found"), when(s.flag2, "--if-unused"))
			},
			expect: expectRm},
		{name: "cp", weight: 6, draw: drawTwo,
			args: func(s *step) []string {
				return words("secret", "cp", s.at.arg(), s.to.arg(), when(s.flag, "--overwrite"))
			},
			expect: expectCp},
		{name: "mv", weight: 5, draw: drawTwo,
			args: func(s *step) []string {
				return words("secret", "mv", s.at.arg(), s.to.arg(), when(s.flag, "--overwrite"))
			},
			expect: expectMv},
		{name: "adopt", weight: 7, draw: func(t *rapid.T, s *step) {
			drawPreferred(t, s, func(found *secret) bool { return found.mark != "true" })
			s.data = one(t, "data key", "", "password", "user")
		},
			args: func(s *step) []string {
				return words("secret", "adopt", s.at.arg(), s.at.flags(), when(s.data != "", "--data-key", s.data))
			},
			expect: expectAdopt},
		{name: "grant", weight: 18, draw: drawGrant,
			args: func(s *step) []string {
				if s.flag && s.level == read {
					return words("share", s.at.uri(), string(s.to2))
				}
				return words("acl", "grant", s.at.uri(), string(s.to2), s.level.String())
			},
			expect: func(m *model, s *step) answer { return m.grant(s.actor, s.at, s.to2, s.level) }},
		{name: "revoke", weight: 9, draw: drawGrant,
			args: func(s *step) []string {
				return words("acl", "revoke", s.at.uri(), string(s.to2), when(s.flag, "--ignore-not-found"))
			},
			expect: func(m *model, s *step) answer { return m.revoke(s.actor, s.at, s.to2, s.flag) }},
		{name: "acl ls", weight: 5, reads: true, draw: both(drawSecret, drawFlag),
			args: func(s *step) []string {
				return words("acl", "ls", when(s.flag, "--in", "{"+string(s.at.space)+"}"))
			},
			expect: func(m *model, s *step) answer {
				rows := [][]string{}
				for _, space := range people() {
					if space != s.actor.home() && !m.remembered[s.actor][space] && !(s.flag && space == s.at.space) {
						continue
					}
					if s.actor.owns(space) {
						rows = append(rows, []string{"secret://default/{" + string(space) + "}", "manage"})
					}
					rows = append(rows, m.namesOf(s.actor.identities(), space)...)
				}
				return answer{table: rows}
			}},
		{name: "acl ls --shared", weight: 4, reads: true, draw: drawSecret,
			args: func(s *step) []string { return words("acl", "ls", "--shared", "-n", "{"+string(s.at.space)+"}") },
			expect: func(m *model, s *step) answer {
				if !s.actor.owns(s.at.space) {
					return failure(1, forbidden("list", "rolebindings")...)
				}
				return answer{table: append([][]string{}, m.sharedRows(s.at.space)...)}
			}},
		{name: "acl ls --shared URI", weight: 4, reads: true, draw: drawGrant,
			args: func(s *step) []string { return words("acl", "ls", "--shared", s.at.uri()) },
			expect: func(m *model, s *step) answer {
				found, failed := m.lookup(s.actor, s.at)
				stale := append([][]string{}, m.spaces[s.at.space].staleRows(s.at.space, s.at.key, s.at.object())...)
				switch {
				case failed != nil && s.actor.owns(s.at.space) && len(stale) > 0: // the secret is gone
					return answer{table: stale}
				case failed != nil:
					return *failed
				case !m.may(s.actor, s.at, manage):
					return failure(1, append(forbidden("get", "rolebindings"), "to share a secret you need the level manage on it")...)
				}
				if !s.actor.owns(s.at.space) { // sees the grants of this very secret alone
					return answer{table: append([][]string{}, found.rows(s.at.space)...)}.warned(unseenGrants()...)
				}
				return answer{table: append(stale, found.rows(s.at.space)...)}
			}},
		{name: "acl ls -u", weight: 3, reads: true, draw: drawGrant,
			args: func(s *step) []string { return words("acl", "ls", "-u", string(s.to2)) },
			expect: func(m *model, s *step) answer {
				rows := [][]string{}
				if s.actor.owns(s.actor.home()) { // elsewhere he may not list RoleBindings
					rows = append(rows, m.namesOf([]grantee{s.to2}, s.actor.home())...)
				}
				return answer{table: rows}
			}},
		{name: "import --from-file", weight: 5, draw: both(drawNew, drawValue), file: true,
			args: func(s *step) []string {
				return words("secret", "import", "--from-file", s.at.key+"="+textFile, "-n", "{"+string(s.at.space)+"}", when(s.flag, "--overwrite"))
			},
			expect: func(m *model, s *step) answer { return m.store(s.actor, s.at, s.text, s.flag) }},
		{name: "import --from-secret", weight: 6, draw: func(t *rapid.T, s *step) {
			drawTwo(t, s)
			s.data = one(t, "data key", "password", "user")
			if found := s.model.spaces[s.at.space].secrets[s.at.object()]; found != nil && found.mark == "true" && one(t, "its own", true, true, false) {
				s.data = found.key
			}
		},
			args: func(s *step) []string {
				return words("secret", "import", "--from-secret", "secret:/{"+string(s.at.space)+"}/"+s.at.object(), "--key", s.data,
					"-n", "{"+string(s.to.space)+"}", when(s.flag, "--overwrite"))
			},
			expect: expectImport},
		{name: "export", weight: 6, reads: true, draw: drawExport,
			args: func(s *step) []string {
				return words("secret", "export", when(s.at.key != "", s.at.arg()), when(s.to.key != "", s.to.arg()), s.at.flags(), "-o", "jsonpath="+manifests)
			},
			expect: expectExport},
		{name: "export --to-env-file", weight: 4, reads: true, draw: drawExport,
			args: func(s *step) []string {
				return words("secret", "export", when(s.at.key != "", s.at.arg()), when(s.to.key != "", s.to.arg()), s.at.flags(), "--to-env-file", "-")
			},
			expect: expectExportVariables},
		{name: "edit", weight: 6, file: true, draw: both(drawSecret, drawValue),
			args:   func(s *step) []string { return words("secret", "edit", s.at.arg(), s.at.flags()) },
			expect: expectEdit},
		{name: "run", weight: 6, draw: both(drawNewJob, drawFlag),
			unless: func(m *model, s *step) bool {
				nameNewJob(m, s)
				return s.flag && m.spaces[s.actor].count(true) >= mostJobs
			},
			args: func(s *step) []string {
				return words("run", "-q", "--no-mask", when(!s.flag, "--rm"), "--name", s.name, "--env", "X="+s.at.uri(), "busybox:1", "--", "sh", "-c", show)
			},
			expect: func(m *model, s *step) answer {
				j, failed := m.run(s)
				if failed != nil {
					return *failed
				}
				if j.ended = true; s.flag {
					m.spaces[s.actor].jobs[s.name] = j
				} else {
					delete(m.spaces[s.actor].jobs, s.name) // one that had ended
				}
				return answer{out: j.value}
			}},
		startVerb("--no-wait-start", 6, nil),
		startVerb("--detach", 3, func(s *step) *step { // it has started, so it takes commands
			next := *s
			next.verb = verbNamed("exec")
			next.verb.reads = false // what run has changed is still to be compared
			return &next
		}),
		{name: "kill", weight: 3, draw: drawKnownJob, unless: nameJob,
			args: func(s *step) []string { return words("job", "kill", s.name) },
			expect: func(m *model, s *step) answer {
				if _, failed := m.find(s); failed != nil {
					return *failed
				}
				delete(m.spaces[s.actor].jobs, s.name)
				return done("job/%s deleted", s.name)
			}},
		{name: "ps", weight: 2, reads: true, draw: both(drawJob, drawFlag),
			args: func(s *step) []string { return words("job", "ls", "--format", "name,status", when(s.flag, "--all")) },
			expect: func(m *model, s *step) answer {
				rows := [][]string{}
				for name, j := range m.spaces[s.actor].jobs {
					switch {
					case !j.ended:
						rows = append(rows, []string{name, "running"})
					case s.flag:
						rows = append(rows, []string{name, "succeeded"})
					}
				}
				return answer{table: rows, unordered: true}
			}},
		{name: "logs", weight: 4, reads: true, draw: drawKnownJob, unless: func(m *model, s *step) bool {
			none := nameJob(m, s)
			j, known := m.spaces[s.actor].jobs[s.name]
			return none || known && !j.ended // when a node has a line in its log, nothing says
		},
			args: func(s *step) []string { return words("job", "logs", "-q", "--no-mask", s.name) },
			expect: func(m *model, s *step) answer {
				j, failed := m.find(s)
				if failed != nil {
					return *failed
				}
				return answer{out: j.value}
			}},
		{name: "status", weight: 4, reads: true, draw: drawKnownJob, unless: nameJob,
			args: func(s *step) []string {
				return words("job", "status", s.name, "-o", "jsonpath={.status.ready},{.status.succeeded}")
			},
			expect: func(m *model, s *step) answer {
				switch j, failed := m.find(s); {
				case failed != nil:
					return *failed
				case j.ended:
					return answer{out: "0,1"}
				}
				return answer{out: "1,"}
			}},
		{name: "exec", weight: 4, reads: true, draw: drawKnownJob, unless: nameJob,
			args: func(s *step) []string { return words("job", "exec", s.name, "--", "sh", "-c", count) },
			expect: func(m *model, s *step) answer {
				switch j, failed := m.find(s); {
				case failed != nil:
					return *failed
				case j.ended:
					return failure(1, "job "+s.name+" has ended")
				default:
					return done("%d", len(j.value))
				}
			}},
		{name: "bump-life-span", weight: 4, draw: drawKnownJob, unless: nameJob,
			args: func(s *step) []string { return words("job", "bump-life-span", s.name, "1h") },
			expect: func(m *model, s *step) answer {
				j, failed := m.find(s)
				switch {
				case failed != nil:
					return *failed
				case j.ended:
					return failure(1, "job "+s.name+" has ended (succeeded)")
				}
				j.life += time.Hour
				m.spaces[s.actor].jobs[s.name] = j
				return answer{matches: fmt.Sprintf(`job/%s may run %s, until 20[-0-9]+T[:0-9]+Z\n`, s.name, duration.Format(j.life))}
			}},
		{name: "generate-run-command", weight: 4, reads: true, draw: drawKnownJob, unless: nameJob,
			args: func(s *step) []string { return words("job", "generate-run-command", s.name) },
			expect: func(m *model, s *step) answer {
				j, failed := m.find(s)
				if failed != nil {
					return *failed
				}
				script := show
				if !j.ended {
					script += "; " + stay
				}
				life := ""
				if j.life != jobspec.DefaultLifeSpan {
					life = "--life-span " + duration.Format(j.life) + " "
				}
				return done("kubectl apolo run --name %s %s--env X=%s busybox:1 -- sh -c '%s'", s.name, life, j.uri, script)
			}},
		{name: "doctor", weight: 2, reads: true, draw: drawSecret,
			args: func(s *step) []string {
				return words("doctor", "--for", "add", "-n", "{"+string(s.at.space)+"}", "-o", `jsonpath={.checks[?(@.name=="add")].status}`)
			},
			expect: func(_ *model, s *step) answer {
				if !s.actor.owns(s.at.space) {
					return answer{code: 1, out: "missing"}
				}
				return answer{out: "ok"}
			}},
		{name: "kubectl delete", weight: 5, shell: true, draw: both(drawOwn, drawFlag),
			args: func(s *step) []string {
				return words("delete", "secret", s.at.object(), "--ignore-not-found", "-o", "name")
			},
			expect: func(m *model, s *step) answer {
				if m.spaces[s.at.space].secrets[s.at.object()] == nil {
					return answer{}
				}
				m.vanish(s.at, s.flag)
				return answer{out: "secret/" + s.at.object() + "\n"}
			},
			then: func(s *step) *step {
				if !s.flag {
					return nil
				}
				again := *s
				again.verb = verbs()[0]
				again.typed, again.value, again.flag = "again-"+s.number, "again-"+s.number, false
				return &again
			}},
		{name: "kubectl create", weight: 6, shell: true, draw: both(drawOwn, drawFlag, drawValue),
			unless: func(_ *model, s *step) bool { return s.at.object() != s.at.key },
			args: func(s *step) []string {
				return words("create", "secret", "generic", s.at.key, "-o", "name", "--from-literal=password="+s.value, when(s.flag, "--from-literal=user=x"))
			},
			expect: func(m *model, s *step) answer {
				in := m.spaces[s.at.space]
				if in.secrets[s.at.object()] != nil {
					return failure(1, "already exists")
				}
				made := &secret{key: s.at.key, data: map[string]string{"password": s.value}, bindings: map[level]*binding{}}
				if s.flag {
					made.data["user"] = "x"
				}
				in.secrets[s.at.object()] = made
				return answer{out: "secret/" + s.at.object() + "\n"}
			}},
		{name: "strip", weight: 10, unless: func(m *model, s *step) bool { // others can't, as a test of the grants shows
			return s.actor.owns(s.at.space) || !m.may(s.actor, s.at, manage)
		}, draw: func(t *rapid.T, s *step) {
			drawFlag(t, s)
			var managers []actor
			managed := func(found *secret) bool { return found.levelOf(grantees()...) == manage }
			drawPreferred(t, s, managed)
			for _, a := range actors() {
				if !a.owns(s.at.space) && s.model.may(a, s.at, manage) {
					managers = append(managers, a)
				}
			}
			if len(managers) > 0 {
				s.actor = one(t, "manager", managers...)
			}
		}, instead: strip, script: stripLines},
	}
}

// verbNamed is one of verbs.
func verbNamed(name string) *verb {
	all := verbs()
	return all[slices.IndexFunc(all, func(v *verb) bool { return v.name == name })]
}

// mostJobs is how many jobs an actor lets run at once, and how many of those that have ended he keeps.
const mostJobs = 2

// noJob stands for a job that there is not.
const noJob = -1

// What jobs do: show prints the secret, stay waits to be killed, and count runs beside it.
const (
	show  = `printf %s "$X"`
	stay  = `trap "exit 0" TERM; sleep 600 & wait`
	count = `printf %s "$X" | wc -c`
)

// manifests is of an exported list each name with its data.
const manifests = `{range .items[*]}{.metadata.name}={.data}{"\n"}{end}`

// textFile stands in the words of a command for a file with the step's text.
const textFile = "{file}"

// drawKnownJob draws somebody who has jobs, if there is such, and which of them.
func drawKnownJob(t *rapid.T, s *step) {
	drawJob(t, s)
	s.which = one(t, "which", 0, 1, 2, 3, 0, 1, noJob)
	for _, a := range people() {
		if len(s.model.spaces[a].jobs) > 0 && one(t, "whose", true, true, false) {
			s.actor = a
		}
	}
}

// drawNewJob draws a job to be made. It may be to have the name of one that there is.
func drawNewJob(t *rapid.T, s *step) {
	drawJob(t, s)
	s.which = one(t, "whose name", noJob, noJob, 0, 1, 2)
}

// nameNewJob gives the step a name that no job has had, or that of a job as things are.
func nameNewJob(m *model, s *step) {
	if s.name = "job-" + s.number; s.which == noJob {
		return
	}
	if names := slices.Sorted(maps.Keys(m.spaces[s.actor].jobs)); len(names) > 0 {
		s.name = names[s.which%len(names)]
	}
}

// nameJob gives the step the name of its job as things are, or now and then one that no job has. It reports whether
// there is none to be named.
func nameJob(m *model, s *step) bool {
	if s.which == noJob {
		s.name = "no-such-job"
		return false
	}
	names := slices.Sorted(maps.Keys(m.spaces[s.actor].jobs))
	if len(names) == 0 {
		return true
	}
	s.name = names[s.which%len(names)]
	return false
}

// drawExport draws one key, two, or all of a namespace.
func drawExport(t *rapid.T, s *step) {
	drawTwo(t, s)
	switch one(t, "how many", 1, 2, 3) {
	case 1:
		s.to = ref{}
	case 3:
		s.at, s.to = ref{space: s.at.space, form: formNamespace}, ref{}
	}
}

func drawJob(t *rapid.T, s *step) {
	s.name = "job-" + s.number
	drawSecret(t, s)
	if s.actor == runner { // has no right to jobs
		s.actor = bob
	}
	if s.at.form == formNamespace {
		s.at.form = formFull
	}
}

// drawOwn is for what only somebody at home in a namespace may do.
func drawOwn(t *rapid.T, s *step) {
	drawSecret(t, s)
	s.actor, s.at.form = s.at.space, formShort
}

func expectLs(m *model, s *step) answer {
	in, wide := s.at.space, s.flag
	all := func(*secret) bool { return true }
	listed := m.keys(in, all)
	switch {
	case s.actor.owns(in):
	case s.actor == runner && in == s.actor.home():
		// He gets what he may read by name.
		listed = m.keys(in, func(found *secret) bool { return found.levelOf(s.actor.identities()...) > none })
		if len(listed) == 0 {
			return failure(1, forbidden("list", "secrets")...)
		}
	default:
		return failure(1, forbidden("list", "secrets")...)
	}
	rows := [][]string{}
	for _, key := range listed {
		row := []string{key}
		if wide {
			found := m.spaces[in].secrets[objectOf(key)]
			object := objectOf(key)
			if found.mark == "adopted" {
				object += " (" + found.dataKey + ", of " + toolName + ")"
			}
			var users []string
			for _, job := range m.users(ref{space: in, key: key}) {
				users = append(users, "job/"+job)
			}
			if s.actor == runner {
				users = []string{"?"}
			}
			row = []string{key, anything, object, strings.Join(users, ", ")}
		}
		rows = append(rows, row)
	}
	return answer{table: rows}
}

func expectRm(m *model, s *step) answer {
	var want, errs answer
	for _, at := range []ref{s.at, s.to} {
		if at.key == "" {
			continue
		}
		fail := func(phrases ...string) {
			want.code = 1
			errs.errs = append(errs.errs, append([]string{"error: "}, phrases...))
		}
		if users := m.users(at); s.actor.owns(at.space) && len(users) > 0 {
			if s.flag2 {
				fail("used by job/"+strings.Join(users, ""), "so it stays")
				if len(users) > 1 {
					errs.errs[len(errs.errs)-1] = []string{"error: ", "used by job/" + users[0], "job/" + users[1], "so it stays"}
				}
				continue
			}
			want.errs = append(want.errs, []string{"warning: ", "is used by job/" + users[0]})
		}
		if s.flag2 && !s.actor.owns(at.space) {
			fail("whether something uses it is unknown, so it stays", "you lack permission to list ")
			continue
		}
		found, failed := m.lookup(s.actor, at)
		switch {
		case failed != nil && s.flag && strings.HasPrefix(failed.errs[0][1], "does not exist"):
		case failed != nil:
			fail(failed.errs[0][1:]...)
		case found.mark == "adopted" && !s.actor.owns(at.space):
			fail(forbidden("patch", "secrets")...)
		case !s.actor.owns(at.space):
			fail(append(forbidden("delete", "secrets"), "no grant includes removing a secret: that is for its owner")...)
		case found.mark == "adopted":
			found.mark, found.dataKey, found.bindings = "", "", map[level]*binding{}
			want.out += fmt.Sprintf("secret/%s released (its Kubernetes Secret stays with %s)\n", at.key, toolName)
		default:
			delete(m.spaces[at.space].secrets, at.object())
			want.out += fmt.Sprintf("secret/%s deleted\n", at.key)
		}
	}
	want.errs = append(want.errs, errs.errs...)
	return want
}

// expectImport is import of one data key of a Kubernetes Secret.
func expectImport(m *model, s *step) answer {
	source := s.at
	source.form = formSpace
	found := m.spaces[source.space].secrets[source.object()]
	switch {
	case !m.may(s.actor, source, read):
		return nothingImported(forbidden("get", "secrets")...)
	case found == nil:
		return nothingImported("does not exist in namespace")
	}
	m.use(s.actor, source)
	value, ok := found.data[s.data]
	if !ok {
		return nothingImported("the key " + strconv.Quote(s.data) + " of --key was not found")
	}
	return m.store(s.actor, ref{space: s.to.space, key: s.data, form: formNamespace}, value, s.flag)
}

// exported are the secrets that export is about, sorted by key, or the answer that it ends with.
func exported(m *model, s *step) (found []*secret, failed *answer) {
	if s.at.key != "" && s.at.key == s.to.key {
		f := failure(2, "would both be "+strconv.Quote(s.at.key))
		return nil, &f
	}
	if s.at.key == "" {
		listed := expectLs(m, &step{actor: s.actor, at: s.at})
		if listed.table == nil {
			return nil, &listed
		}
		for _, row := range listed.table {
			found = append(found, m.spaces[s.at.space].secrets[objectOf(row[0])])
		}
		if len(found) == 0 {
			f := failure(1, "there are no secrets to export")
			return nil, &f
		}
		return found, nil
	}
	all := answer{code: 1}
	for _, at := range []ref{s.at, s.to} {
		if at.key == "" {
			continue
		}
		one, problem := m.lookup(s.actor, at)
		if problem != nil {
			all.errs = append(all.errs, problem.errs...)
		}
		found = append(found, one)
	}
	if len(all.errs) > 0 {
		return nil, &all
	}
	for _, at := range []ref{s.at, s.to} {
		if at.key != "" {
			m.use(s.actor, at)
		}
	}
	slices.SortFunc(found, func(a, b *secret) int { return strings.Compare(a.key, b.key) })
	return found, nil
}

func expectExport(m *model, s *step) answer {
	found, failed := exported(m, s)
	if failed != nil {
		return *failed
	}
	var want answer
	for _, each := range found {
		want.out += fmt.Sprintf("%s={%q:%q}\n", objectOf(each.key), each.key, base64.StdEncoding.EncodeToString([]byte(each.value())))
	}
	return want
}

func expectExportVariables(m *model, s *step) answer {
	found, failed := exported(m, s)
	if failed != nil {
		return *failed
	}
	var want, refused answer
	for _, each := range found {
		if want.out += each.key + "=" + each.value() + "\n"; strings.Contains(each.value(), "\n") {
			refused.errs = append(refused.errs, []string{"error: ", each.key + " can't be in a file of variables", "the value has several lines"})
		}
	}
	if len(refused.errs) > 0 {
		refused.code = 1
		refused.errs = append(refused.errs, []string{"error: ", "nothing was written"})
		return refused
	}
	return want
}

func expectEdit(m *model, s *step) answer {
	found, failed := m.lookup(s.actor, s.at)
	switch {
	case failed != nil:
		return *failed
	case found.mark == "adopted":
		return failure(1, "is adopted: its value belongs to "+toolName)
	}
	m.use(s.actor, s.at)
	text, ended := strings.CutSuffix(s.text, "\n")
	if ended && strings.HasSuffix(found.value(), "\n") {
		text = s.text
	}
	switch {
	case text == found.value():
		return done("Edit cancelled, no changes made.")
	case text == "":
		return done("Edit cancelled, the saved file was empty.")
	case !m.may(s.actor, s.at, write):
		return failure(1, append(forbidden("patch", "secrets"), "your text is kept")...)
	}
	found.data = map[string]string{s.at.key: text}
	return done("secret/%s edited (%s)", s.at.key, size(text))
}

// expectRead is the first step of cp and mv.
func expectRead(m *model, s *step) (from *secret, failed *answer) {
	if s.at.space == s.to.space && s.at.key == s.to.key {
		f := failure(2, "are the same secret")
		return nil, &f
	}
	return m.lookup(s.actor, s.at)
}

// expectStore is the second.
func expectStore(m *model, s *step, from *secret) (failed *answer) {
	if _, failed = m.add(s.actor, s.to, from.value(), s.flag); failed == nil {
		m.use(s.actor, s.at)
		m.use(s.actor, s.to)
	}
	return failed
}

func expectCp(m *model, s *step) answer {
	from, failed := expectRead(m, s)
	if failed == nil {
		failed = expectStore(m, s, from)
	}
	if failed != nil {
		return *failed
	}
	return done("secret/%s copied to %s", s.at.key, s.to.uri())
}

func expectMv(m *model, s *step) answer {
	from, failed := expectRead(m, s)
	switch {
	case failed != nil:
		return *failed
	case from.mark == "adopted":
		return failure(1, "is adopted: it belongs to "+toolName, "copy it with cp")
	}
	if failed := expectStore(m, s, from); failed != nil {
		return *failed
	}
	if !s.actor.owns(s.at.space) {
		return failure(1, append(forbidden("delete", "secrets"), "has the value now, but the old one stays")...)
	}
	want := done("secret/%s moved to %s", s.at.key, s.to.uri())
	if len(from.bindings) > 0 {
		want.errs = append(want.errs, []string{"warning: ", "who was granted", "grant it again"})
	}
	if users := m.users(s.at); len(users) > 0 {
		want.errs = append(want.errs, []string{"warning: ", "is used by job/" + users[0]})
	}
	delete(m.spaces[s.at.space].secrets, s.at.object())
	return want
}

func expectAdopt(m *model, s *step) answer {
	if s.at.object() != s.at.key {
		return failure(1, "can't be the name of a Kubernetes Secret")
	}
	found := m.spaces[s.at.space].secrets[s.at.object()]
	switch {
	case !m.may(s.actor, s.at, read):
		return failure(1, forbidden("get", "secrets")...)
	case found == nil:
		return failure(1, "does not exist in namespace")
	case found.mark == "true":
		return failure(1, "already exists, and is Apolo's own")
	}
	wanted := s.data
	switch {
	case wanted == "" && len(found.data) == 1:
		wanted = "password"
	case wanted == "" && found.mark == "adopted":
		wanted = found.dataKey
	case wanted == "":
		return failure(2, "does not have one data key: there are password, user; choose with --data-key")
	}
	if _, ok := found.data[wanted]; !ok {
		return failure(2, "has no data key "+strconv.Quote(wanted))
	}
	unchanged := found.mark == "adopted" && found.dataKey == wanted
	var want answer
	if want = done("secret/%s unchanged (data key %s, of %s)", s.at.key, wanted, toolName); !unchanged {
		want = failure(1, forbidden("patch", "secrets")...)
	}
	switch {
	case !s.actor.owns(s.at.space):
		return want.warned(unseenGrants()...)
	case unchanged:
		return want
	}
	found.mark, found.dataKey = "adopted", wanted
	return done("secret/%s adopted (data key %s, of %s)", s.at.key, wanted, toolName)
}

// drawStep draws a command.
func drawStep(t *rapid.T, m *model, number string) *step {
	var weighted []string
	byName := map[string]*verb{}
	for _, v := range verbs() {
		byName[v.name] = v
		weighted = append(weighted, slices.Repeat([]string{v.name}, v.weight)...)
	}
	s := &step{
		verb:  byName[one(t, "verb", weighted...)],
		actor: one(t, "actor", alice, alice, alice, bob, bob, bob, carol, carol, runner),
		model: m, number: number,
	}
	s.verb.draw(t, s)
	return s
}

// strip lets a manager take from the RoleBindings what makes them those of the secret.
func strip(w *walk, s *step) string {
	found := w.model.spaces[s.at.space].secrets[s.at.object()]
	metadata := map[string]any{"ownerReferences": nil}
	if s.flag {
		metadata["labels"] = nil
	}
	for l, b := range found.bindings {
		if err := w.apis[s.actor].Do(w.ctx, http.MethodPatch, w.path(s.at.space, rolebindings)+"/"+grantName(s.at.object(), l, found.uid), map[string]any{"metadata": metadata}, nil); err != nil {
			return "the manager may not: " + err.Error()
		}
		b.owned, b.labelled = false, b.labelled && !s.flag
	}
	w.tally.count(func() { w.tally.done[s.verb.name]++ })
	return ""
}

func stripLines(s *step) []string {
	patch := `{"metadata":{"ownerReferences":null}}`
	if s.flag {
		patch = `{"metadata":{"ownerReferences":null,"labels":null}}`
	}
	space := variables("{" + string(s.at.space) + "}")
	return []string{fmt.Sprintf("for binding in $(admin get rolebindings -n %s -o name | grep :%s:); do as %s kubectl patch -n %s $binding --type=merge -p '%s'; done",
		space, s.at.object(), s.actor, space, patch)}
}

// lines are the step in a script.
func (s *step) lines() []string {
	if s.verb.script != nil {
		return s.verb.script(s)
	}
	command := []string{"as", string(s.actor), "kubectl", "apolo"}
	if s.verb.shell {
		command = command[:3]
	}
	for _, arg := range s.verb.args(s) {
		command = append(command, quote(arg))
	}
	lines := []string{strings.Join(command, " ")}
	if s.verb.file {
		lines = slices.Insert(lines, 0, "printf %s "+shellquote.Join(s.text)+` >"$work/text"`)
	}
	return lines
}

// quote is an argument in a shell, where the names of namespaces are variables.
func quote(arg string) string {
	named := strings.ReplaceAll(variables(arg), textFile, "$work/text")
	if named == arg {
		return shellquote.Join(arg)
	}
	return `"` + named + `"`
}

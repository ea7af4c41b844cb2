// Package suggest guesses what a mistyped command was meant to be. It uses the standard library
// alone, because the dispatcher does.
package suggest

import (
	"fmt"
	"slices"
	"strings"
)

// alike are words that other tools have for what ours call otherwise, kubectl above all.
var alike = [][]string{
	{"rm", "delete", "del", "remove", "unset"},
	{"kill", "stop", "cancel", "delete", "remove"},
	{"add", "create", "new", "set", "put"},
	{"get", "show", "read", "cat", "view"},
	{"status", "describe", "show", "inspect"},
	{"edit", "update", "change"},
	{"cp", "copy"},
	{"mv", "move", "rename"},
	{"grant", "allow", "give", "add"},
	{"revoke", "deny", "remove", "rm", "delete"},
	{"secret", "sec"},
	{"job", "pod", "pods"},
}

// Command returns the candidate that name was most likely meant to be, or "" where none is near: one that
// other tools call so, or at most two letters typed wrongly, left out, added or swapped; one in a name of three or four
// letters.
func Command(name string, candidates []string) string {
	if len(name) > longestName {
		return ""
	}
	for _, words := range alike {
		if slices.Contains(words, name) && slices.Contains(candidates, words[0]) {
			return words[0]
		}
	}
	best, bestDistance := "", min(3, (len(name)+1)/2)
	for _, candidate := range candidates {
		if d := distance(name, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// longestName is how long the name of a command may be, in bytes.
const longestName = 40

// UnknownCommand says that there is no command of a name, and which one may be meant. It quotes the name only where that can
// hardly be a value that a shell has put there: lower-case letters and "-".
func UnknownCommand(name string, candidates []string) string {
	text := "unknown command"
	if IsPlain(name) {
		text += fmt.Sprintf(" %q", name)
	}
	if near := Command(name, candidates); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return text
}

// IsPlain reports whether a name has nothing but a few lower-case letters, and "-" between them.
func IsPlain(name string) bool {
	isLetter := func(r rune) bool { return r >= 'a' && r <= 'z' }
	return name != "" && len(name) <= longestName && name[0] != '-' &&
		strings.IndexFunc(name, func(r rune) bool { return !isLetter(r) && r != '-' }) < 0
}

// distance is the optimal string alignment distance: Levenshtein's, and neighbours may be swapped.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

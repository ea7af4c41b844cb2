package runflags

import (
	"strings"
	"unicode"

	"github.com/kballard/go-shellquote"
)

// Quote writes words as a line that every POSIX shell, and zsh, reads as these words and nothing else. Left alone,
// the library takes neither the "#" of a comment nor zsh's "=" for special, nor control characters.
func Quote(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		if word != "" && strings.ContainsRune("#=", rune(word[0])) || strings.ContainsFunc(word, unicode.IsControl) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		} else {
			quoted[i] = shellquote.Join(word)
		}
	}
	return strings.Join(quoted, " ")
}

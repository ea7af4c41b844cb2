package runflags

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What Quote writes is pasted into shells: it must be nothing but the words, whatever is in them.
func TestQuoteInShells(t *testing.T) {
	folder := t.TempDir()
	trap := filepath.Join(folder, "trap")
	words := []string{
		"", "plain", "#not a comment", "=ls", "~", "~root", "*", "?", "[a-z]", "{a,b}", "a=b", "!!", "!echo", "a!b", "^a^b", "-n", "--",
		"two\nlines", "a\r\nb", "tab\tand space", "it's", `"double"`, `back\slash`, `\`, `'`, "'\\''", "\x1b[31m", "\u202e", "\u2028", "é", "\xff",
		"$HOME", "${HOME}", "$(touch " + trap + ")", "`touch " + trap + "`", "; touch " + trap, "| touch " + trap, "&& touch " + trap, "& touch " + trap,
		"> " + trap, "<(touch " + trap + ")", "\ntouch " + trap + "\n", "'; touch " + trap + "; '", "$'\\n'", "#\n touch " + trap, "\\\ntouch " + trap,
		"if", "then", "(", ")", "<<EOF", "a;b", "%1",
	}
	for c := 1; c < 256; c++ { // an argument can't have a zero byte
		words = append(words, string([]byte{byte(c)}), "a"+string([]byte{byte(c)})+"b", string([]byte{byte(c)})+"touch "+trap)
	}
	script := filepath.Join(folder, "script")
	if err := os.WriteFile(script, []byte("set -- "+Quote(words...)+"\nprintf '%s\\0' \"$@\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := strings.Join(words, "\x00") + "\x00"
	for _, shell := range [][]string{{"sh"}, {"bash", "--norc"}, {"bash", "--norc", "-o", "history", "-o", "histexpand"}} {
		command := exec.Command(shell[0], append(shell[1:], script)...)
		command.Dir = folder
		command.Env = append(os.Environ(), "LC_ALL=C", "HISTFILE="+filepath.Join(folder, "history"))
		got, err := command.Output()
		if err != nil {
			t.Errorf("%v: %v", shell, err)
		}
		if string(got) != want {
			gotWords := strings.Split(string(got), "\x00")
			for i := range min(len(words), len(gotWords)) {
				if words[i] != gotWords[i] {
					t.Errorf("%v: word %d is %q, became %q", shell, i, words[i], gotWords[i])
					break
				}
			}
			t.Errorf("%v: %d words became %d", shell, len(words), len(gotWords)-1)
		}
		if _, err := os.Stat(trap); err == nil {
			t.Fatalf("%v ran what was a word", shell)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("$(touch x)", "#a")
	f.Add("it's", "\r\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) {
			return
		}
		got, err := exec.Command("sh", "-c", "printf '%s\\0' "+Quote(a, b)).Output()
		if err != nil || string(got) != a+"\x00"+b+"\x00" {
			t.Errorf("sh reads %q and %q as %q, %v", a, b, got, err)
		}
	})
}

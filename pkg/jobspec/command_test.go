package jobspec

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSplitCommand(t *testing.T) {
	for _, test := range []struct{ in, want []string }{
		{[]string{"bash -c 'echo hi'"}, []string{"bash", "-c", "echo hi"}},
		{[]string{`sh -c "cd /project && python -u train.py"`}, []string{"sh", "-c", "cd /project && python -u train.py"}},
		{[]string{"'/opt/my tool/run'"}, []string{"/opt/my tool/run"}},
		{[]string{"bash", "-c", "echo hi"}, []string{"bash", "-c", "echo hi"}},
		{[]string{"echo hi", "there"}, []string{"echo hi", "there"}},
		{[]string{"'true'"}, []string{"'true'"}},
		{nil, nil},
	} {
		if got, err := SplitCommand(test.in); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("SplitCommand(%q) = %q, %v; want %q", test.in, got, err, test.want)
		}
	}
	for in, want := range map[string]string{"echo 'hi": "not closed", " ": "is blank", "'' x": "is blank"} {
		if got, err := SplitCommand([]string{in}); !matches(err, want) {
			t.Errorf("SplitCommand(%q) = %q, %v", in, got, err)
		}
	}
}

func TestJoinCommand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringOf(rapid.RuneFrom([]rune("ab '\"\\\t\n$#=")))).Draw(t, "words")
		if len(words) == 1 && words[0] == "" {
			return
		}
		if got, err := SplitCommand(JoinCommand(words)); err != nil || !slices.Equal(got, words) {
			t.Errorf("%q became %q, %v", words, got, err)
		}
	})
}

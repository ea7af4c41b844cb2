package uri

import (
	"strings"
	"testing"
)

func TestParseJob(t *testing.T) {
	for text, want := range map[string]Job{
		"train-1":                     {Name: "train-1"},
		"job:train":                   {Name: "train"},
		"job:/team/train":             {Namespace: "team", Name: "train"},
		"job://default/team/train":    {Cluster: "default", Namespace: "team", Name: "train"},
		"job://arn:aws:x/y/team/made": {Cluster: "arn:aws:x/y", Namespace: "team", Name: "made"},
		"nightly.cron":                {Name: "nightly.cron"},
	} {
		if got, err := ParseJob(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v, wanted %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                 "can't be the name of a job",
		"Train":            "can't be the name of a job",
		"secret:train":     "can't be the name of a job",
		"team/train":       "can't be the name of a job",
		"job:":             "can't be the name of a job",
		"job:/train":       "it must be job:/NAMESPACE/NAME",
		"job://team/train": "it must be job://CLUSTER/NAMESPACE/NAME",
		"job:/a..b/train":  "is not the name of a namespace",
		"job:/../../x":     "is not the name of a namespace",
		"job:/team/a%2fb":  "can't be the name of a job",
	} {
		if got, err := ParseJob(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %+v, %v, wanted an error with %q", text, got, err, want)
		}
	}
}

func FuzzParseJob(f *testing.F) {
	for _, seed := range []string{"train", "job:train", "job:/team/train", "job://c/team/train", "job:", "job:///x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseJob(text)
		if err != nil {
			return
		}
		if again, err := ParseJob(parsed.String()); err != nil || again != parsed {
			t.Errorf("%q is %+v, which is written %q, and read as %+v, %v", text, parsed, parsed, again, err)
		}
	})
}

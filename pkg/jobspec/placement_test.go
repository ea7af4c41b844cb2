package jobspec

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestParseToleration(t *testing.T) {
	for _, test := range []struct {
		in   string
		want corev1.Toleration
		err  string
	}{
		{"gpu", corev1.Toleration{Key: "gpu", Operator: "Exists"}, ""},
		{"a.io/gpu=yes", corev1.Toleration{Key: "a.io/gpu", Operator: "Equal", Value: "yes"}, ""},
		{"gpu=:NoExecute", corev1.Toleration{Key: "gpu", Operator: "Equal", Effect: "NoExecute"}, ""},
		{"gpu:NoSchedule", corev1.Toleration{Key: "gpu", Operator: "Exists", Effect: "NoSchedule"}, ""},
		{"gpu:", corev1.Toleration{}, "no effect after ':'"},
		{"gpu:never", corev1.Toleration{}, `invalid effect "never": must be one of NoSchedule`},
		{"", corev1.Toleration{}, `"" can't be the key of a taint`},
		{"=x", corev1.Toleration{}, `"" can't be the key of a taint`},
		{"gpu=a b", corev1.Toleration{}, `"a b" can't be the value of a taint`},
	} {
		got, err := ParseToleration(test.in)
		if !matches(err, test.err) || got != test.want {
			t.Errorf("ParseToleration(%q) = %+v, %v; want %+v, error %q", test.in, got, err, test.want, test.err)
		}
	}
	seconds := int64(1)
	for _, foreign := range []corev1.Toleration{{Operator: "Exists"}, {Key: "a"}, {Key: "a", Operator: "Exists", TolerationSeconds: &seconds}} {
		if text, err := FormatToleration(foreign); err == nil {
			t.Errorf("%+v is %q", foreign, text)
		}
	}
}

func FuzzParseToleration(f *testing.F) {
	for _, seed := range []string{"a", "a=b:NoSchedule", "a:NoExecute", "a=", ":", "=:", "a=b=c:d:e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		toleration, err := ParseToleration(s)
		if err != nil {
			return
		}
		if text, err := FormatToleration(toleration); err != nil || text != s {
			t.Errorf("%q is %+v, written %q, %v", s, toleration, text, err)
		}
	})
}

func TestParseNodeLabel(t *testing.T) {
	for in, want := range map[string][3]string{
		"disk=ssd":  {"disk", "ssd", ""},
		"a.io/b=":   {"a.io/b", "", ""},
		"disk":      {"", "", "must be KEY=VALUE"},
		"a=b=c":     {"a", "b=c", `"b=c" can't be the value`},
		"=x":        {"", "x", `"" can't be the key`},
		"a b=c":     {"a b", "c", `"a b" can't be the key`},
		"disk= ssd": {"disk", " ssd", `" ssd" can't be the value`},
	} {
		if key, value, err := ParseNodeLabel(in); key != want[0] || value != want[1] || !matches(err, want[2]) {
			t.Errorf("ParseNodeLabel(%q) = %q, %q, %v", in, key, value, err)
		}
	}
}

func FuzzParseNodeLabel(f *testing.F) {
	for _, seed := range []string{"a=b", "a.io/b=", "=", "a", "a=b=c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if key, value, err := ParseNodeLabel(s); err == nil && key+"="+value != s {
			t.Errorf("%q is %q and %q", s, key, value)
		}
	})
}

func TestParseQuantity(t *testing.T) {
	for in, want := range map[string]string{"1000m": "1", "512Mi": "512Mi", "1e3": "1e3", "0.5": "500m"} {
		if got, err := ParseQuantity(in); err != nil || got.String() != want {
			t.Errorf("ParseQuantity(%q) = %s, %v", in, got.String(), err)
		}
	}
	for in, want := range map[string]string{"": "is not an amount", "1GB": "is not an amount", "0": "greater than zero", "-1": "greater than zero",
		"1000000000000000000000": "more than any machine has", "1e21": "more than any machine has", "9000E": "more than any machine has",
		"1E128000800": "too long", "1000000000000000000000E-128000": "too long", strings.Repeat("1", 65): "too long"} {
		if _, err := ParseQuantity(in); !matches(err, want) {
			t.Errorf("ParseQuantity(%q): %v", in, err)
		}
	}
}

func FuzzParseQuantity(f *testing.F) {
	for _, seed := range []string{"1", "500m", "16G", "512Mi", "-1", "0", "1e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		quantity, err := ParseQuantity(s)
		if err != nil {
			return
		}
		if again, err := ParseQuantity(quantity.String()); err != nil || again.Cmp(quantity) != 0 {
			t.Errorf("%q is %s, read as %s, %v", s, quantity.String(), again.String(), err)
		}
	})
}

package remote

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

func TestParsePortPair(t *testing.T) {
	for text, want := range map[string]PortPair{
		"8080:80": {8080, 80}, "80": {80, 80}, ":80": {0, 80}, "0:80": {0, 80}, "65535:65535": {65535, 65535},
	} {
		if got, err := ParsePortPair(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; not %v", text, got, err, want)
		}
	}
	for text, say := range map[string]string{
		"":           `"" is not a port`,
		"0":          "no port 0",
		"8080:0":     "no port 0",
		"8080:":      `"" is not a port`,
		"80:x":       `"x" is not a port`,
		"1:2:3":      `"2:3" is not a port`,
		"+80":        `"+80" is not a port`,
		"-1:80":      `"-1" is not a port`,
		"65536:80":   `"65536" is not a port`,
		"8080 : 80":  `" 80" is not a port`,
		"http:80":    `"http" is not a port`,
		"[::1]:8080": "is not a port",
	} {
		if got, err := ParsePortPair(text); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%q is %v, %v; the error should say %s", text, got, err, say)
		}
	}
}

func FuzzParsePortPair(f *testing.F) {
	for _, text := range []string{"8080:80", "80", ":80", "0:80", "x", "1:2:3", "+1", "00080:080"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pair, err := ParsePortPair(text)
		if err != nil {
			return
		}
		if pair.Remote == 0 {
			t.Errorf("%q leads to port 0", text)
		}
		if again, err := ParsePortPair(pair.String()); err != nil || again != pair {
			t.Errorf("%q is %v, which is read as %v, %v", text, pair, again, err)
		}
	})
}

func TestListenPortsTakesAllOrNone(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := uint16(taken.Addr().(*net.TCPAddr).Port)

	free, err := ListenPorts([]PortPair{{0, 80}, {0, 81}})
	if err != nil {
		t.Fatal(err)
	}
	one := free.Pairs[0].Local
	if one == 0 || one == free.Pairs[1].Local {
		t.Errorf("the free ports are %v", free.Pairs)
	}
	free.Close()

	_, err = ListenPorts([]PortPair{{one, 80}, {busy, 80}})
	if err == nil || !strings.Contains(err.Error(), "port "+strconv.Itoa(int(busy))+" of this machine") || !strings.Contains(err.Error(), "another program") {
		t.Errorf("of a busy port: %v", err)
	}
	again, err := ListenPorts([]PortPair{{one, 80}})
	if err != nil {
		t.Fatalf("the first port was not given back: %v", err)
	}
	again.Close()
}

package envfile

import (
	"bytes"
	"errors"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Text is the content of a file as UTF-8, which is what Lines reads. A byte order mark tells of UTF-16, which Windows
// PowerShell writes. Content without one stays as it is, but for UTF-16, of which no variable could be read.
func Text(content []byte) (string, error) {
	if bytes.HasPrefix(content, []byte{0xff, 0xfe}) || bytes.HasPrefix(content, []byte{0xfe, 0xff}) {
		if len(content)%2 != 0 {
			return "", errors.New("begins as UTF-16, and ends in the middle of a character; save it as UTF-8")
		}
		decoded, _, err := transform.Bytes(unicode.BOMOverride(unicode.UTF8.NewDecoder()), content)
		return string(decoded), err
	}
	if i := bytes.IndexByte(content, 0); i >= 0 && i < 2 { // the first character of UTF-16 is one of ASCII here
		return "", errors.New("is UTF-16 without a byte order mark; save it as UTF-8")
	}
	return string(content), nil
}

// withLineFeeds takes a file whose lines end with CR alone.
func withLineFeeds(content string) string {
	if strings.Contains(content, "\n") {
		return content // then a CR is part of a line end, or of a value
	}
	return strings.ReplaceAll(content, "\r", "\n")
}

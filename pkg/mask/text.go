package mask

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// beginning is how much of a value in a message gives away that the rest of it follows, cut off: messages of a cluster
// have a largest length.
const beginning = 15

// Text returns a message with "***" in place of every value. Besides what a Writer hides, these are values as they stand
// in JSON and between quotes. Where a message has only the beginning of a value, all from there on is hidden.
func Text(message string, values [][]byte) string {
	if len(values) == 0 || message == "" {
		return message
	}
	message = hide(message, allForms(values))
	var beginnings [][]byte
	for _, value := range values {
		if len(value) > beginning {
			beginnings = append(beginnings, value[:beginning])
		}
	}
	shown := hide(message, allForms(beginnings))
	if shown == message {
		return message
	}
	same := 0
	for same < len(shown) && shown[same] == message[same] {
		same++
	}
	return shown[:same] + Replacement[:max(0, len(Replacement)-stars(shown[:same]))]
}

// stars is how many asterisks a text ends with.
func stars(text string) int { return len(text) - len(bytes.TrimRight([]byte(text), "*")) }

// allForms adds to values what they are in JSON, and in Go's and C's quotes.
func allForms(values [][]byte) [][]byte {
	var all [][]byte
	for _, value := range values {
		all = append(all, value)
		quoted := strconv.Quote(string(value))
		inJSON, err := json.Marshal(string(value))
		forms := []string{quoted[1 : len(quoted)-1], strconv.QuoteToASCII(string(value))}
		forms[1] = forms[1][1 : len(forms[1])-1]
		if err == nil {
			forms = append(forms, string(inJSON[1:len(inJSON)-1]))
		}
		for _, form := range forms {
			if form != string(value) {
				all = append(all, []byte(form))
			}
		}
	}
	return all
}

func hide(message string, values [][]byte) string {
	var out bytes.Buffer
	w := New(&out, Options{Values: values})
	_, _ = w.Write([]byte(message)) // a bytes.Buffer takes all
	_ = w.Flush()
	return out.String()
}

package leftovers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestJobOf(t *testing.T) {
	for _, c := range []struct {
		read       func(*metav1.PartialObjectMetadata) string
		name, want string
	}{
		{jobOfShare, "apolo:job:train:0a1b2c3d", "train"},
		{jobOfShare, "apolo:secret:train:read:0a1b2c3d", ""},
		{jobOfShare, "train", ""},
		{jobOfCopy, "train-2abcd-1", "train"},
		{jobOfCopy, "train-1-2abcd-12", "train-1"},
		{jobOfCopy, "train", ""},
	} {
		if got := c.read(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: c.name}}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

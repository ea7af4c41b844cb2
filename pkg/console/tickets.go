package console

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// fingerprint is what is kept of a secret that a visitor has from us, and what it is found by. How
// long finding one takes tells nothing about the secret, as it would if the secrets themselves were
// compared.
type fingerprint [sha256.Size]byte

func fingerprintOf(secret string) fingerprint { return sha256.Sum256([]byte(secret)) }

// tickets are tokens that log in once.
type tickets struct {
	now      func() time.Time
	lifetime time.Duration

	mutex sync.Mutex
	until map[fingerprint]time.Time
}

func newTickets(now func() time.Time, lifetime time.Duration) *tickets {
	return &tickets{now: now, lifetime: lifetime, until: map[fingerprint]time.Time{}}
}

// issue makes one.
func (t *tickets) issue() string {
	token := rand.Text()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	now := t.now()
	for old, until := range t.until {
		if now.After(until) {
			delete(t.until, old)
		}
	}
	t.until[fingerprintOf(token)] = now.Add(t.lifetime)
	return token
}

// redeem reports whether a ticket is valid, and uses it up.
func (t *tickets) redeem(token string) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	found := fingerprintOf(token)
	until, ok := t.until[found]
	delete(t.until, found)
	return ok && t.now().Before(until)
}

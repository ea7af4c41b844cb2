package spool

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"os"
)

// ring is a private file that is written and read in order, in a circle.
type ring struct {
	limit int64 // bytes

	file             *os.File
	named            bool  // its name could not be removed yet
	broken           error // nothing more can be written
	from, size       int64 // the part that is still to be read
	encrypt, decrypt cipher.Stream
	scratch          []byte
}

// append writes data, and reports whether it could.
func (r *ring) append(data []byte) bool {
	if r.broken != nil || r.size+int64(len(data)) > r.limit {
		return false
	}
	r.broken = r.write(data)
	return r.broken == nil
}

func (r *ring) write(data []byte) error {
	if r.file == nil {
		if err := r.open(); err != nil {
			return err
		}
	}
	if r.size == 0 {
		r.from = 0
		if err := r.file.Truncate(0); err != nil {
			return err
		}
	}
	r.scratch = append(r.scratch[:0], data...)
	r.encrypt.XORKeyStream(r.scratch, r.scratch)
	at := (r.from + r.size) % r.limit
	first := min(int64(len(data)), r.limit-at)
	if _, err := r.file.WriteAt(r.scratch[:first], at); err != nil {
		return err
	}
	if _, err := r.file.WriteAt(r.scratch[first:], 0); err != nil {
		return err
	}
	r.size += int64(len(data))
	return nil
}

// take reads at most so many bytes, and appends them to buffer.
func (r *ring) take(buffer []byte, most int) ([]byte, error) {
	n := min(int64(most), r.size, r.limit-r.from)
	before := len(buffer)
	buffer = append(buffer, make([]byte, n)...)
	piece := buffer[before:]
	if _, err := r.file.ReadAt(piece, r.from); err != nil {
		return buffer[:before], fmt.Errorf("what waits for its reader is lost: %w", err)
	}
	r.decrypt.XORKeyStream(piece, piece)
	r.from = (r.from + n) % r.limit
	r.size -= n
	return buffer, nil
}

func (r *ring) open() error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	// The key is used for this file only, and every byte of the key stream once.
	start := make([]byte, aes.BlockSize)
	r.encrypt, r.decrypt = cipher.NewCTR(block, start), cipher.NewCTR(block, start) // #nosec G407 -- the key is new
	if r.file, err = os.CreateTemp("", "apolo-log-*"); err != nil {                 // made with mode 0600
		return err
	}
	r.named = os.Remove(r.file.Name()) != nil
	return nil
}

func (r *ring) remove() {
	r.size = 0
	if r.file == nil {
		return
	}
	_ = r.file.Close()
	if r.named {
		_ = os.Remove(r.file.Name())
	}
	r.file = nil
	r.broken = os.ErrClosed
}

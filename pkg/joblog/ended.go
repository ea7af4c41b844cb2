package joblog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// CopyEnded is Copy for a container that will write no more. Its log stays as it is, since nodes
// rotate the logs of what runs only; so the times, which are a third of what most logs take on their
// way, need not be read: after a cut, what was written is left out by its length.
func CopyEnded(ctx context.Context, source Source, life Life, out io.Writer, notice func(string), options Options) error {
	ended := make(chan struct{})
	close(ended)
	if !options.plain() {
		return Copy(ctx, source, life, ended, out, notice, options)
	}
	if notice == nil {
		notice = func(string) {}
	}
	var written, lines int64
	backoff := reopenBackoff()
	for attempt := 1; ; attempt++ {
		before := written
		err := copyPlain(ctx, source, out, &written, &lines)
		switch {
		case errors.Is(err, errNodeMessage):
			return Copy(ctx, source, life, ended, out, notice, options) // tells it from what the container wrote
		case err == nil:
			checkEndedBeginning(ctx, source, life, written+lineOverhead*lines, notice)
			return nil
		case errors.As(err, &OutputError{}), ctx.Err() != nil, apierrors.IsNotFound(err), apierrors.IsForbidden(err):
			return firstOf(ctx.Err(), err)
		case written > before:
			attempt = 0
		case attempt >= backoff.Steps:
			return fmt.Errorf("the end of the log can't be read: %w", err)
		}
		Pause(ctx, backoff.Step(), nil)
	}
}

// nodeMessage is how the kubelet begins what it gives in place of a log that is not there any more
// (k8s.io/kubernetes/pkg/kubelet/kuberuntime, GetContainerLogs).
const nodeMessage = "unable to retrieve container logs"

// IsNodeMessage reports whether a text is a message of the node in place of a log.
func IsNodeMessage(text string) bool { return strings.HasPrefix(text, nodeMessage) }

var errNodeMessage = errors.New("the log begins as a message of the node does")

// endedStream notes whether a stream ended as streams do: io.ReadFull has one error for both ends.
type endedStream struct {
	io.ReadCloser
	whole bool
}

func (s *endedStream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.whole = err == io.EOF
	return n, err
}

// copyPlain writes what a log holds after the bytes that were written already, and counts them.
func copyPlain(ctx context.Context, source Source, out io.Writer, written, lines *int64) error {
	opened, err := source.Open(ctx, Part{Plain: true})
	if err != nil {
		return err
	}
	defer opened.Close()
	stream := &endedStream{ReadCloser: opened}
	reader := bufio.NewReaderSize(stream, chunkSize)
	if head, _ := reader.Peek(len(nodeMessage)); string(head) == nodeMessage && *written == 0 {
		return errNodeMessage
	}
	if _, err := io.CopyN(io.Discard, reader, *written); err != nil {
		return err
	}
	buffer := make([]byte, plainChunk)
	for {
		n, err := io.ReadFull(reader, buffer) // nobody waits for a line, and large pieces are quicker
		if n > 0 {
			if _, err := out.Write(buffer[:n]); err != nil {
				return OutputError{err}
			}
			*written += int64(n)
			*lines += int64(bytes.Count(buffer[:n], []byte("\n")))
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) && stream.whole {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

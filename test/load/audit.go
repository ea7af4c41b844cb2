package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/rand"
)

// event is what matters of an entry of the audit log.
type event struct {
	Verb             string
	RequestURI       string
	UserAgent        string
	ImpersonatedUser struct{ Username string }
	ResponseStatus   struct{ Code int }
}

// audited is what the audit log has of a part of the run.
type audited struct {
	events []event
}

// auditing begins to look at the audit log.
type auditing struct {
	place *place
	from  int64
}

func (p *place) auditing() (*auditing, error) {
	info, err := os.Stat(p.cluster.AuditLog)
	if err != nil {
		return nil, err
	}
	return &auditing{place: p, from: info.Size()}, nil
}

// end returns what was asked for since the beginning. The API server writes an event just after its answer, so that
// one more request shows when all are there.
func (a *auditing) end(ctx context.Context) (audited, error) {
	marker := "/api/v1/namespaces/" + a.place.run + "-marker-" + rand.String(10)
	if err := a.place.admin.Do(ctx, http.MethodGet, marker, nil, nil); err == nil {
		return audited{}, fmt.Errorf("%s exists", marker)
	}
	var found audited
	err := a.place.eventually(ctx, func(context.Context) string {
		events, err := a.read(marker)
		if err != nil {
			return err.Error()
		}
		if events == nil {
			return "the audit log does not have the last request"
		}
		found.events = events
		return ""
	})
	return found, err
}

// read returns the events before the marker; nil where it is not there yet.
func (a *auditing) read(marker string) ([]event, error) {
	file, err := os.Open(a.place.cluster.AuditLog)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(a.from, io.SeekStart); err != nil {
		return nil, err
	}
	events := []event{}
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(line, []byte(a.place.run)) {
			continue // somebody else's
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		if e.RequestURI == marker {
			return events, nil
		}
		events = append(events, e)
	}
}

// of are the requests of one user's commands.
func (a audited) of(u user) []event {
	var own []event
	for _, e := range a.events {
		if e.ImpersonatedUser.Username == u.name && strings.HasPrefix(e.UserAgent, "kubectl-apolo/") {
			own = append(own, e)
		}
	}
	return own
}

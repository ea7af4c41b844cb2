package kubetest

import (
	"encoding/json"
	"net/http"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// change is what happened to an object.
type change struct {
	at          key
	version     int
	before, now *unstructured.Unstructured // nil: it did not exist, or does not any more
}

// note keeps a change for watches. The server's mutex is held.
func (s *Server) note(c change) {
	s.history = append(s.history, c)
	close(s.changed)
	s.changed = make(chan struct{})
}

// watch sends what happens to the selected objects from a version on, until the client or the test has enough. Without a
// version it begins with those that there are.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, t target, selected func(*unstructured.Unstructured) bool) {
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	answers := json.NewEncoder(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	for {
		s.mutex.Lock()
		changed, news := s.changed, s.history
		s.mutex.Unlock()
		for _, c := range news {
			if c.version <= from || c.at.resource != t.gvr.GroupResource() || t.namespace != "" && c.at.namespace != t.namespace {
				continue
			}
			before, now := c.before != nil && selected(c.before), c.now != nil && selected(c.now)
			event, object := watch.Modified, c.now
			switch {
			case !before && !now:
				continue
			case !before:
				event = watch.Added
			case !now:
				event, object = watch.Deleted, c.before.DeepCopy()
				object.SetResourceVersion(strconv.Itoa(c.version))
			}
			if answers.Encode(map[string]any{"type": event, "object": asAccepted(r, object).Object}) != nil {
				return
			}
		}
		if len(news) > 0 {
			from = max(from, news[len(news)-1].version)
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

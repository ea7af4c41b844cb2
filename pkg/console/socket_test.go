package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A page that types before its job has started is not taken for gone; one that answers no ping is.
func TestKeepAlive(t *testing.T) {
	const interval = 5 * time.Millisecond
	for name, held := range map[string]bool{"input that is not taken yet": true, "a page that is gone": false} {
		t.Run(name, func(t *testing.T) {
			result := make(chan bool, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, err := websocket.Accept(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.CloseNow()
				// Nobody reads, so that no pong is seen.
				ctx, gone := context.WithCancel(t.Context())
				defer gone()
				s := &socket{Conn: conn, ctx: ctx, wire: t.Context(), held: new(atomic.Bool)}
				s.held.Store(held)
				wait := time.Minute
				if held {
					wait = 20 * interval
				}
				go s.keepAlive(gone, interval, interval)
				select {
				case <-ctx.Done():
					result <- true
				case <-time.After(wait):
					result <- false
				}
			}))
			t.Cleanup(server.Close)
			conn, _, err := websocket.Dial(t.Context(), server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow()
			if gone := <-result; gone == held {
				t.Errorf("taken for gone: %v", gone)
			}
		})
	}
}

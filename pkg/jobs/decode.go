package jobs

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// pointer is a pointer to T that is an object of an API.
type pointer[T any] interface {
	*T
	runtime.Object
}

// do sends a request and returns what it is answered with; never nil.
func do[T any, O pointer[T]](ctx context.Context, c *Client, request *rest.Request) (O, error) {
	object, err := c.decode(ctx, request, func() runtime.Object { return O(new(T)) })
	return object.(O), err
}

// decode is do for an object that newObject makes.
func (c *Client) decode(ctx context.Context, request *rest.Request, newObject func() runtime.Object) (runtime.Object, error) {
	result := request.Do(ctx)
	object, err := withDecodeTimeout(ctx, c.kube.RequestTimeout(), func() (runtime.Object, error) {
		object := newObject()
		err := result.Into(object)
		return object, err
	})
	if object == nil {
		object = newObject()
	}
	return object, err
}

// withDecodeTimeout returns what do does. An amount such as 1E2147483647, which only a hostile server says, takes forever to
// decode (k8s.io/apimachinery/pkg/api/resource makes all its digits), and nothing can interrupt that. It is left alone
// when ctx ends, or after limit, if that is not 0; the result is T's zero value then.
func withDecodeTimeout[T any](ctx context.Context, limit time.Duration, do func() (T, error)) (result T, err error) {
	type outcome struct {
		result T
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := do()
		done <- outcome{result, err}
	}()
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return result, context.Cause(ctx)
	case <-late:
		return result, context.DeadlineExceeded
	}
}

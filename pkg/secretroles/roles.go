package secretroles

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/neuro-inc/kubectl-apolo/pkg/kube"
)

// page is how many Roles one answer lists; it holds their metadata alone.
const page = 1000

var (
	rbac         = schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
	roles        = rbac.WithResource("roles")
	roleBindings = rbac.WithResource("rolebindings")
)

// Client finds and removes Roles in one namespace. It is safe for use by several goroutines.
type Client struct {
	kube      *kube.Client
	namespace string
	metadata  metadata.Interface
	api       *rest.RESTClient
}

// NewClient returns a Client for a namespace of the cluster that client is connected to. It makes no request.
func NewClient(client *kube.Client, namespace string) (*Client, error) {
	md, err := client.Metadata()
	if err != nil {
		return nil, err
	}
	core := schema.GroupVersion{Version: "v1"} // the options of a deletion are the same for all groups
	api, err := client.REST(core, kube.NewScheme(core))
	if err != nil {
		return nil, err
	}
	return &Client{kube: client, namespace: namespace, metadata: md, api: api}, nil
}

// Role is a Role that gives access to a Secret by its name.
type Role struct {
	metav1.ObjectMeta
	// Reason is why it could not be removed; nil where that was not tried.
	Reason error
}

// Found are the Roles that give access to one Secret by its name, whatever Secret of that name they were made for.
type Found struct {
	Roles []Role
	// Unseen is why they could not be looked for, and nil where they could.
	Unseen error
}

// Exist reports whether there is any grant that can be seen.
func (f Found) Exist() bool { return len(f.Roles) > 0 }

// Find finds the Roles that give access to the Kubernetes Secret of a name. Where the user may not list Roles,
// Found.Unseen says so.
func (c *Client) Find(ctx context.Context, object string) (Found, error) {
	var (
		lock     sync.Mutex
		found    Found
		requests errgroup.Group
	)
	list := c.metadata.Resource(roles).Namespace(c.namespace)
	for _, selector := range Selectors(object) {
		requests.Go(func() error {
			err := kube.EachMetadata(ctx, list, metav1.ListOptions{LabelSelector: selector, Limit: page}, func(role *metav1.PartialObjectMetadata) {
				if name, ok := ParseName(role.Name); ok && name.Object == object {
					lock.Lock()
					defer lock.Unlock()
					found.Roles = append(found.Roles, Role{ObjectMeta: role.ObjectMeta})
				}
			})
			return c.kube.Explain(err, kube.Request{Verb: "list", Resource: roles.Resource, Namespace: c.namespace})
		})
	}
	err := requests.Wait()
	if apierrors.IsForbidden(err) {
		return Found{Unseen: err}, nil
	}
	if err != nil {
		return Found{}, err
	}
	slices.SortFunc(found.Roles, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// Remove deletes Roles of grants, each by its name and only while it has the UID that was seen, so that a newer grant
// is never touched. Access ends with the Role; its binding goes after it. It returns the Roles that remain because the
// user may not delete them, because something holds them, or because they are newer.
func (c *Client) Remove(ctx context.Context, found []Role) (remaining []Role, err error) {
	reasons := make([]error, len(found))
	var requests errgroup.Group
	for i, role := range found {
		requests.Go(func() (err error) {
			reasons[i], err = c.remove(ctx, role.ObjectMeta)
			return err
		})
	}
	err = requests.Wait()
	for i, role := range found {
		if reasons[i] != nil {
			role.Reason = reasons[i]
			remaining = append(remaining, role)
		}
	}
	return remaining, err
}

// errMadeAgain is why a Role remains that has the name of the one to be removed, and is another.
var errMadeAgain = errors.New("was made again by somebody else in the meantime")

func (c *Client) remove(ctx context.Context, role metav1.ObjectMeta) (remains, err error) {
	err = c.delete(ctx, roles, role.Name, metav1.NewUIDPreconditions(string(role.UID)))
	var held *kube.BeingDeletedError
	switch {
	case errors.As(err, &held), apierrors.IsForbidden(err):
		return err, nil
	case kube.IsReplaced(err):
		return errMadeAgain, nil // its binding stays too
	case apierrors.IsNotFound(err):
	case err != nil:
		return nil, err
	}
	// A binding without its Role gives nothing. Whoever may delete no bindings leaves it to the garbage collector.
	err = c.delete(ctx, roleBindings, role.Name, nil)
	if errors.As(err, &held) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	return nil, err
}

// delete deletes a Role or a RoleBinding. It returns a *kube.BeingDeletedError where a finalizer holds it.
func (c *Client) delete(ctx context.Context, of schema.GroupVersionResource, name string, preconditions *metav1.Preconditions) error {
	request := c.api.Delete().AbsPath("/apis/"+of.Group, of.Version, "namespaces", c.namespace, of.Resource, name)
	err := kube.Delete(ctx, request, &metav1.DeleteOptions{Preconditions: preconditions})
	if held := (*kube.BeingDeletedError)(nil); errors.As(err, &held) {
		return held
	}
	return c.kube.Explain(err, kube.Request{Verb: "delete", Resource: of.Resource, Namespace: c.namespace, Name: name})
}

// Held is an error that names a Role that is still there although the user may delete it, with all that it gives.
func Held(remaining []Role) error {
	for _, role := range remaining {
		if role.Reason != nil && !apierrors.IsForbidden(role.Reason) {
			return fmt.Errorf("Role %s %w", role.Name, role.Reason)
		}
	}
	return nil
}

// UnseenWarning is the warning for a user who can't list Roles.
func UnseenWarning(namespace string) string {
	return fmt.Sprintf("grants of an earlier secret of the same name would still give access: "+
		"you lack permission to list roles in namespace %q; an admin of the namespace can see them with 'acl ls --shared'", namespace)
}

// RemainingWarning is the warning about Roles that give access to a secret and could not be removed.
func RemainingWarning(of string, remaining []Role) string {
	var parts []string
	for _, role := range remaining {
		part := "role " + role.Name
		if role.Reason != nil {
			part += " (" + role.Reason.Error() + ")"
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("%s: grants that could not be removed give access to whatever has that name: %s; remove them with 'kubectl delete role'",
		of, strings.Join(parts, ", "))
}

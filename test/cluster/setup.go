package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// object is a Kubernetes object in JSON.
type object = map[string]any

// setUpNode makes the node usable: it waits for the kubelet to register it,
// plays the cloud provider's part, and waits until pods can be placed on it.
func (c *cluster) setUpNode(ctx context.Context, a *api) error {
	path := "/api/v1/nodes/" + c.Node
	type node struct {
		Spec struct {
			Taints []struct {
				Key string `json:"key"`
			} `json:"taints"`
		} `json:"spec"`
		Status struct {
			Addresses []struct {
				Type    string `json:"type"`
				Address string `json:"address"`
			} `json:"addresses"`
			Conditions []struct {
				Type    string `json:"type"`
				Status  string `json:"status"`
				Message string `json:"message"`
			} `json:"conditions"`
		} `json:"status"`
	}
	const cloudTaint = "node.cloudprovider.kubernetes.io/uninitialized"
	return poll(ctx, readyTimeout, "wait for the node", func(ctx context.Context) (bool, string, error) {
		var n node
		if err := a.do(ctx, http.MethodGet, path, "", nil, &n); err != nil {
			return false, err.Error(), nil
		}
		addressed := slices.ContainsFunc(n.Status.Addresses, func(a struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		}) bool {
			return a.Type == "InternalIP" && a.Address == "127.0.0.1"
		})
		if !addressed {
			addresses := []object{{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": "localhost"}}
			patch := object{"status": object{"addresses": addresses}}
			if err := a.do(ctx, http.MethodPatch, path+"/status", "application/merge-patch+json", patch, nil); err != nil {
				return false, err.Error(), nil
			}
		}
		for i, taint := range n.Spec.Taints {
			if taint.Key != cloudTaint {
				continue
			}
			// The test makes the removal fail, to be tried again, if the
			// list changed meanwhile.
			field := fmt.Sprintf("/spec/taints/%d", i)
			patch := []object{
				{"op": "test", "path": field + "/key", "value": cloudTaint},
				{"op": "remove", "path": field},
			}
			if err := a.do(ctx, http.MethodPatch, path, "application/json-patch+json", patch, nil); err != nil {
				return false, err.Error(), nil
			}
			return false, "just made available", nil
		}
		if len(n.Spec.Taints) > 0 {
			return false, "it has the taint " + n.Spec.Taints[0].Key, nil
		}
		for _, condition := range n.Status.Conditions {
			if condition.Type == "Ready" {
				return condition.Status == "True" && addressed, condition.Message, nil
			}
		}
		return false, "it has not reported yet", nil
	})
}

// setUpUsers gives every user a namespace and the ClusterRole admin in it.
func (c *cluster) setUpUsers(ctx context.Context, a *api) error {
	for _, user := range users() {
		namespace := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": user}}
		if err := a.create(ctx, "/api/v1/namespaces", namespace); err != nil {
			return fmt.Errorf("set up %s: %w", user, err)
		}
		binding := object{
			"apiVersion": "rbac.authorization.k8s.io/v1",
			"kind":       "RoleBinding",
			"metadata":   object{"name": "admin"},
			"roleRef":    object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
			"subjects":   []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}},
		}
		if err := a.create(ctx, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+user+"/rolebindings", binding); err != nil {
			return fmt.Errorf("set up %s: %w", user, err)
		}
	}
	return nil
}

// waitForUsers waits for what controllers do for a namespace and for the role:
// pods cannot be made before it, and users may do nothing.
func (c *cluster) waitForUsers(ctx context.Context, a *api) error {
	for _, user := range users() {
		for _, path := range []string{
			"/api/v1/namespaces/" + user + "/serviceaccounts/default",
			"/api/v1/namespaces/" + user + "/configmaps/kube-root-ca.crt",
		} {
			err := poll(ctx, readyTimeout, "wait for "+path, func(ctx context.Context) (bool, string, error) {
				err := a.do(ctx, http.MethodGet, path, "", nil, nil)
				if err != nil {
					return false, err.Error(), nil
				}
				return true, "", nil
			})
			if err != nil {
				return err
			}
		}
		// Two that come from different parts of the aggregated role.
		for _, right := range []object{
			{"namespace": user, "verb": "create", "group": "batch", "resource": "jobs"},
			{"namespace": user, "verb": "create", "group": "rbac.authorization.k8s.io", "resource": "rolebindings"},
		} {
			if err := waitForRight(ctx, a, user, right); err != nil {
				return err
			}
		}
	}
	return nil
}

func waitForRight(ctx context.Context, a *api, user string, right object) error {
	return poll(ctx, readyTimeout, "wait for the rights of "+user, func(ctx context.Context) (bool, string, error) {
		review := object{
			"apiVersion": "authorization.k8s.io/v1",
			"kind":       "SubjectAccessReview",
			"spec":       object{"user": user, "resourceAttributes": right},
		}
		var answer struct {
			Status struct {
				Allowed bool `json:"allowed"`
			} `json:"status"`
		}
		if err := a.do(ctx, http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", jsonType, review, &answer); err != nil {
			return false, err.Error(), nil
		}
		return answer.Status.Allowed, "not granted yet", nil
	})
}

// create makes an object. That it already exists is fine; other refusals may
// be those of a server that has just started, and are tried again for a while.
func (a *api) create(ctx context.Context, path string, o object) error {
	return poll(ctx, 20*time.Second, "create an object", func(ctx context.Context) (bool, string, error) {
		err := a.do(ctx, http.MethodPost, path, jsonType, o, nil)
		var status *statusError
		if err == nil || errors.As(err, &status) && status.code == http.StatusConflict {
			return true, "", nil
		}
		return false, err.Error(), nil
	})
}

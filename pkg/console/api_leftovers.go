package console

import (
	"context"
	"fmt"

	"github.com/neuro-inc/kubectl-apolo/pkg/jobs"
	"github.com/neuro-inc/kubectl-apolo/pkg/leftovers"
	"github.com/neuro-inc/kubectl-apolo/pkg/sanitize"
)

func (s *Server) listLeftovers(ctx context.Context, input *inPlace) (*body[LeftoverList], error) {
	client, err := visitOf(ctx).session.in(input.Where)
	if err != nil {
		return nil, err
	}
	found, _, err := leftovers.Find(ctx, client, client.Namespace)
	if err != nil {
		return nil, err
	}
	list := LeftoverList{Items: []Leftover{}}
	for _, object := range found { // sorted by job
		if object.Job == "" {
			continue // nobody can say whose it is
		}
		if last := len(list.Items) - 1; last < 0 || list.Items[last].Job != object.Job {
			list.Items = append(list.Items, Leftover{Job: object.Job})
		}
		last := &list.Items[len(list.Items)-1]
		last.Objects = append(last.Objects, sanitize.Line(object.What()))
	}
	return &body[LeftoverList]{list}, nil
}

func (s *Server) removeLeftovers(ctx context.Context, input *Named) (*nothing, error) {
	client, api, err := visitOf(ctx).session.jobs(input.Where)
	if err != nil {
		return nil, err
	}
	left, err := api.Leftovers(ctx, input.Name)
	if err != nil {
		return nil, err
	}
	if len(left) == 0 {
		return nil, &jobs.NotFoundError{Namespace: client.Namespace, Name: input.Name}
	}
	if err := api.RemoveLeftovers(ctx, left); err != nil {
		return nil, fmt.Errorf("what is left of job %s: %w", input.Name, err)
	}
	return nil, nil
}

package kube

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
)

// maxPages bounds a listing: five million objects.
const maxPages = 10_000

// ErrTooManyPages says that a listing does not end.
var ErrTooManyPages = errors.New("the list of the API server does not end")

// EachPage calls read for one page of a list after the other, with the options that ask for it. read returns where the
// next page begins, as the API server said: nowhere if it is empty.
//
// EachPage returns the first error of read, and ErrTooManyPages where the server gives the same page again and again, or more
// pages than any cluster has.
func EachPage(options metav1.ListOptions, read func(*metav1.ListOptions) (next string, err error)) error {
	for range maxPages {
		next, err := read(&options)
		if err != nil || next == "" {
			return err
		}
		if next == options.Continue {
			return ErrTooManyPages
		}
		options.Continue = next
	}
	return ErrTooManyPages
}

// EachMetadata calls each for the metadata of all objects of a list, which is read in pages of options.Limit.
func EachMetadata(ctx context.Context, list metadata.ResourceInterface, options metav1.ListOptions, each func(*metav1.PartialObjectMetadata)) error {
	return EachPage(options, func(options *metav1.ListOptions) (string, error) {
		page, err := list.List(ctx, *options)
		if err != nil {
			return "", err
		}
		for i := range page.Items {
			each(&page.Items[i])
		}
		return page.Continue, nil
	})
}

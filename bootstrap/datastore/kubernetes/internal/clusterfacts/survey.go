package clusterfacts

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
)

// Survey reads the nodes and the Service CIDRs concurrently.
func Survey(ctx context.Context, client *api.Client) (facts.Survey, error) {
	var (
		survey              facts.Survey
		ofNodes, ofRanges   []string
		nodesErr, rangesErr error
		wait                crash.Group
	)
	wait.Go(func() { survey.Nodes, ofNodes, nodesErr = readAllNodes(ctx, client) })
	survey.ServiceCIDRs, ofRanges, rangesErr = serviceCIDRs(ctx, client, "checks against Services are skipped")
	wait.Wait()
	if err := cmp.Or(nodesErr, rangesErr); err != nil {
		return facts.Survey{}, err
	}
	survey.Problems = slices.Concat(ofNodes, ofRanges)
	return survey, nil
}

// isProblem reports whether an error only makes a survey incomplete, and does not fail
// it.
func isProblem(ctx context.Context, err error) bool {
	if ctx.Err() != nil || api.IsEndless(err) {
		return false
	}
	return !slices.ContainsFunc([]error{datastore.ErrUnreachable, datastore.ErrTLS, datastore.ErrUnauthorized},
		func(kind error) bool { return errors.Is(err, kind) })
}

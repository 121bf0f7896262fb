package clusterfacts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// maxServed is the number of resources that are listed. Calico has about 30 in a group.
const maxServed = 200

// Versions reads what serves the datastore. The pools are in the group inUse, which is empty
// if that is unknown.
func Versions(ctx context.Context, client *api.Client, groups []schema.GroupVersion, inUse schema.GroupVersion) facts.Versions {
	var read facts.Versions
	if !inUse.Empty() {
		read.Group = inUse.String()
	}
	problem := func(what string, err error) (final bool) {
		cause := err.Error()
		if errors.Is(err, datastore.ErrForbidden) { // its hint is about resources
			cause = datastore.ErrForbidden.Error()
		}
		read.Problems = append(read.Problems, what+" could not be read: "+cause)
		return !isProblem(ctx, err)
	}
	version, err := serverVersion(ctx, client)
	read.Server = version
	if err != nil && problem("the version of the API server", err) {
		return read
	}
	for _, group := range groups {
		served, err := servedBy(ctx, client, group)
		if err != nil && problem("the resources of "+group.String(), err) {
			return read
		}
		if inUse.Empty() && len(served) > 0 {
			inUse = group
		}
		for _, resource := range served[:min(len(served), maxServed-len(read.Served))] {
			read.Served = append(read.Served, resource+"."+group.String())
		}
	}
	if inUse.Empty() {
		read.Problems = append(read.Problems, "the API server has no resources of Calico: "+facts.CalicoUnknown)
		return read
	}
	calico, problems, err := calicoVersion(ctx, client, inUse, facts.CalicoUnknown)
	if err != nil {
		problems = append(problems, facts.CalicoUnknown+": "+err.Error())
	}
	read.Calico, read.Problems = calico, append(read.Problems, problems...)
	return read
}

// serverVersion reads the version of the API server.
func serverVersion(ctx context.Context, client *api.Client) (string, error) {
	action := api.Action{Operation: "reading the version", Verb: "get", Resource: "version"}
	body, err := client.Call(ctx, action, client.Get("version"))
	if err != nil {
		return "", err
	}
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if json.Unmarshal(body, &version) != nil || version.GitVersion == "" {
		return "", errors.New("the response is not the version of an API server")
	}
	return text.Clip(version.GitVersion, text.MaxQuoted), nil
}

// servedBy returns the names of the resources of a group; none if it is not served.
func servedBy(ctx context.Context, client *api.Client, group schema.GroupVersion) ([]string, error) {
	action := api.Action{Operation: "reading the resources", Verb: "get", Group: group.Group, Resource: group.String()}
	body, err := client.Call(ctx, action, client.Get("apis", group.Group, group.Version))
	var list struct {
		Resources []struct {
			Name string `json:"name"`
		} `json:"resources"`
	}
	switch {
	case errors.Is(err, datastore.ErrNotInstalled):
		return nil, nil
	case err != nil:
		return nil, err
	case !api.IsKind(body, "APIResourceList", "v1"), json.Unmarshal(body, &list) != nil:
		return nil, fmt.Errorf("the response is not a list of the resources of %s", group)
	}
	var names []string
	for _, resource := range list.Resources {
		if !strings.Contains(resource.Name, "/") { // a subresource
			names = append(names, text.Clip(resource.Name, text.MaxQuoted))
		}
	}
	slices.Sort(names)
	return names, nil
}

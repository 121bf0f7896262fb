package clusterfacts

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

const (
	operatorGroup    = "operator.tigera.io"
	installationName = "default" // the operator uses no other
	maxVersions      = 5         // of the group that are tried
)

// Installation reads the Installation of the Tigera operator. It first asks for the
// versions of the operator's group, so that a cluster without the operator needs no
// permission, and gets a single request.
func Installation(ctx context.Context, client *api.Client) (facts.Installation, error) {
	versions, err := operatorVersions(ctx, client)
	if err != nil {
		return facts.Installation{}, err
	}
	name := origin.Cluster("Installation " + installationName)
	for _, version := range versions {
		action := api.Action{
			Operation: "reading the Installation of the Tigera operator", Verb: "get",
			Group: operatorGroup, Resource: "installations", Name: installationName,
		}
		body, err := client.Call(ctx, action, client.Get("apis", operatorGroup, version, "installations", installationName))
		switch {
		case errors.Is(err, datastore.ErrNotInstalled): // the version may not have installations
			continue
		case err != nil && isProblem(ctx, err):
			return facts.Installation{Name: name, Problem: err.Error()}, nil
		case err != nil:
			return facts.Installation{}, err
		}
		installation := facts.Installation{Name: name}
		if apiVersion := operatorGroup + "/" + version; !api.IsKind(body, "Installation", apiVersion) {
			installation.Problem = "the response is not an Installation of " + apiVersion
		} else {
			installation.CreatesPools, installation.Pools, err = readInstallation(body)
			if err != nil {
				installation.Problem = err.Error()
			}
		}
		return installation, nil
	}
	return facts.Installation{}, nil
}

// operatorVersions returns the served versions of the operator's group, the preferred one
// first; none if the group does not exist. If discovery is forbidden or malformed, it
// returns the version that every operator has.
func operatorVersions(ctx context.Context, client *api.Client) ([]string, error) {
	action := api.Action{Operation: "reading the versions of " + operatorGroup, Verb: "get"}
	body, err := client.Call(ctx, action, client.Get("apis", operatorGroup))
	switch {
	case errors.Is(err, datastore.ErrNotInstalled):
		return nil, nil
	case err != nil && !isProblem(ctx, err):
		return nil, err
	}
	var group struct {
		PreferredVersion struct {
			Version string `json:"version"`
		} `json:"preferredVersion"`
		Versions []struct {
			Version string `json:"version"`
		} `json:"versions"`
	}
	if err != nil || !api.IsKind(body, "APIGroup", "v1") || json.Unmarshal(body, &group) != nil || len(group.Versions) == 0 {
		return []string{"v1"}, nil
	}
	versions := []string{group.PreferredVersion.Version}
	for _, served := range group.Versions {
		versions = append(versions, served.Version)
	}
	seen := map[string]bool{"": true}
	versions = slices.DeleteFunc(versions, func(version string) bool {
		known := seen[version]
		seen[version] = true
		return known
	})
	return versions[:min(len(versions), maxVersions)], nil
}

// calicoIPAM is the type of Calico's own IPAM, and of its CNI plugin.
const calicoIPAM = "Calico"

// readInstallation returns whether the operator creates pools for Calico's IPAM, and the
// CIDRs of those that the Installation names. The defaults are the operator's (tigera/operator,
// pkg/controller/installation).
func readInstallation(body []byte) (creates bool, pools []string, err error) {
	var installation struct {
		Spec struct {
			KubernetesProvider string `json:"kubernetesProvider"`
			CNI                struct {
				Type string `json:"type"`
				IPAM struct {
					Type string `json:"type"`
				} `json:"ipam"`
			} `json:"cni"`
			CalicoNetwork struct {
				IPPools *[]struct {
					CIDR string `json:"cidr"`
				} `json:"ipPools"`
			} `json:"calicoNetwork"`
		} `json:"spec"`
	}
	if json.Unmarshal(body, &installation) != nil { // the decoder's error may quote the response
		return false, nil, errors.New("spec.cni and spec.calicoNetwork.ipPools can't be read")
	}
	spec := installation.Spec
	ipam := spec.CNI.IPAM.Type
	if ipam == "" { // the IPAM follows from the CNI plugin, and that from the provider
		cloud := slices.Contains([]string{"AKS", "EKS", "GKE"}, spec.KubernetesProvider)
		if ipam = spec.CNI.Type; ipam == "" && !cloud {
			ipam = calicoIPAM
		}
	}
	if ipam != calicoIPAM {
		return false, nil, nil
	}
	if spec.CalicoNetwork.IPPools == nil {
		return true, nil, nil
	}
	for _, pool := range *spec.CalicoNetwork.IPPools {
		pools = append(pools, pool.CIDR)
	}
	return len(pools) > 0, pools, nil
}

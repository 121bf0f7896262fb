package main

import (
	"context"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// render prints the desired pools as manifests, without a datastore.
func (p *program) render(ctx context.Context) error {
	err := p.load(ctx, false, formatsOf["render"]...)
	p.warn()
	if err != nil {
		return err
	}
	var faults settings.Faults
	group := kubernetes.ReadAPIGroup(p.settings.Datastore.CalicoAPIGroup, &faults)
	if len(faults) > 0 {
		return faults.Err()
	}
	if group.Empty() {
		group = v3.SchemeGroupVersion // which calicoctl accepts, too
	}
	pools, warnings, err := bootstrap.Render(ctx, p.settings)
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		p.logger.Warn(warning)
	}
	if p.output == formatInstallation || p.output == formatHelmValues {
		return p.printInstallation(pools)
	}
	for _, pool := range pools {
		pool.APIVersion = group.String()
	}
	if err := p.printPools(pools, group.String()); err != nil {
		return fmt.Errorf("writing the pools: %w", err)
	}
	return nil
}

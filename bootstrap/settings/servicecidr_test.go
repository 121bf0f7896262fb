package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func serviceCIDR(value string) settings.Settings {
	return settings.Settings{ServiceCIDR: settings.Given(value, origin.Env("CALICO_IPPOOLS_SERVICE_CIDR"))}
}

func TestServiceCIDR(t *testing.T) {
	t.Parallel()
	at := func(cidrs ...string) []facts.Located {
		return factstest.At(origin.Env("CALICO_IPPOOLS_SERVICE_CIDR"), cidrs...)
	}
	for value, want := range map[string]struct {
		services []facts.Located
		warnings []string
	}{
		"":                             {},
		"10.96.0.0/12":                 {at("10.96.0.0/12"), nil},
		" fd00::/108 ,, 10.96.0.0/12,": {at("fd00::/108", "10.96.0.0/12"), nil},
		"10.96.0.0/16,10.97.0.0/16":    {at("10.96.0.0/16", "10.97.0.0/16"), nil},
		"10.96.0.1/12":                 {at("10.96.0.0/12"), []string{`env CALICO_IPPOOLS_SERVICE_CIDR: "10.96.0.1/12" has host bits, which are ignored: the Service CIDR is 10.96.0.0/12`}},
	} {
		config, err := serviceCIDR(value).Resolve()
		require.NoError(t, err, value)
		assert.Equal(t, want.services, config.Desired.Services, value)
		assert.Equal(t, want.warnings, config.Warnings, value)
	}
}

func TestInvalidServiceCIDR(t *testing.T) {
	t.Parallel()
	const must = "; must be CIDRs separated by commas"
	for value, want := range map[string][]string{
		"172.30.0.0":                    {`"172.30.0.0": an address without a prefix length such as /16` + must},
		"none":                          {`"none": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must},
		", ,":                           {`", ,": not a CIDR` + must},
		"10.0.0.0/255.0.0.0,fd00::/129": {`"10.0.0.0/255.0.0.0": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must, `"fd00::/129": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must},
		"0.0.0.0/0,10.96.0.0/12,::/0":   {`"0.0.0.0/0": is every address, so no Service CIDR` + must, `"::/0": is every address, so no Service CIDR` + must},
		"http://u:secret@h/,10/8":       {"***: looks like a URL with a password or a token; not a CIDR" + must},
	} {
		err := serviceCIDR(value).Validate()
		settingstest.CheckFaults(t, err)
		var lines []string
		for _, fault := range want {
			lines = append(lines, "env CALICO_IPPOOLS_SERVICE_CIDR: "+fault)
		}
		assert.Equal(t, lines, strings.Split(err.Error(), "\n"), value)
	}
}

package firewalld

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBefore reads zones and services through the interface before firewalld 0.9.0,
// and compares with the current interface. It requires a firewalld, which the tests in
// internal/integration/host start.
func TestBefore(t *testing.T) {
	if os.Getenv("FIREWALLD_FOR_TEST") == "" {
		t.Skip("no firewalld: internal/integration/host/firewalld runs this with one")
	}
	ctx := t.Context()
	f, err := Connect(ctx)
	require.NoError(t, err)
	defer f.Close()

	var zoneNames, serviceNames []string
	require.NoError(t, f.call(ctx, path, zones+".getZones").Store(&zoneNames))
	require.NotEmpty(t, zoneNames)
	rules := 0
	for _, zone := range zoneNames {
		for _, call := range []query{f.runtimeZone, f.permanentZone} {
			before, err := zoneBefore(ctx, call, zone)
			require.NoError(t, err)
			today, err := f.zone(ctx, call, zone)
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprint(today), fmt.Sprint(before), zone) // as text, nil and empty are equal
			rules += len(today.Services) + len(today.Ports) + len(today.Protocols) + len(today.Rich)
		}
	}
	assert.Greater(t, rules, 10)

	require.NoError(t, f.call(ctx, path, name+".listServices").Store(&serviceNames))
	compared := 0
	for _, service := range serviceNames {
		before, err := serviceBefore(f.call(ctx, path, name+".getServiceSettings", service))
		require.NoError(t, err)
		today, err := f.runtimeService(ctx, service)
		require.NoError(t, err)
		permanent, err := f.permanentService(ctx, service)
		require.NoError(t, err)
		assert.Equal(t, today, permanent, service)
		if len(today.Includes) > 0 { // the old interface has no includes
			continue
		}
		assert.Equal(t, fmt.Sprint(today), fmt.Sprint(before), service) // as text, nil and empty are equal
		compared++
	}
	assert.Greater(t, compared, 50)

	_, err = zoneBefore(ctx, f.runtimeZone, "nosuch")
	assert.True(t, isFirewalld(err, "INVALID_ZONE"), err)
}

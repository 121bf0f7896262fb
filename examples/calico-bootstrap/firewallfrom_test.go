package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// FuzzFirewallReport reads any data as the output of firewall -o json. It checks that
// the error is one line, or that the commands have no special characters for a
// shell and the report round-trips.
func FuzzFirewallReport(f *testing.F) {
	f.Add([]byte(`{"role":"node","datastore":"etcdv3","pools":[{"name":"a","family":4,"cidr":"10.0.0.0/8","ipipMode":"Always","vxlanMode":"Never"}],"openings":[{"name":"BGP","port":"179/tcp","families":[4,6],"reason":"r"},{"name":"IP-in-IP","protocol":"4","families":[4],"reason":"r"}],"unmanagedInterfaces":["cali*"],"warnings":[],"check":{"zone":"public"}}`))
	f.Add([]byte(`{"role":"x","openings":[]}{"role":"y"}`))
	f.Add([]byte(`{"role":"x","openings":[{"port":"1/tcp;reboot","families":[4]}]}`))
	f.Add([]byte(`{"role":"x","openings":[{"port":"1/tcp","families":[5]}]}`))
	f.Add([]byte("null"))
	f.Add([]byte("firewall-cmd --add-port=179/tcp\n"))
	command := regexp.MustCompile(`^firewall-cmd( --permanent)?( --add-port=[0-9]+/(tcp|udp|sctp|dccp)| --add-protocol=[0-9]+)$`)
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := readFirewallReport(t.Context(), "-", bytes.NewReader(data))
		if err != nil {
			require.ErrorIs(t, err, settings.ErrInvalidSettings)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.True(t, json.Valid(data), "trailing data is ignored")
		require.Nil(t, report.Check)
		for _, line := range firewall.FirewallCmd(report.Openings, "") {
			require.Regexp(t, command, line)
		}
		text, err := json.Marshal(report)
		require.NoError(t, err)
		again, err := readFirewallReport(t.Context(), "-", strings.NewReader(string(text)))
		require.NoError(t, err)
		require.Equal(t, report, again)
	})
}

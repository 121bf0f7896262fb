package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestNotShown(t *testing.T) {
	t.Parallel()
	const rest = " not shown; set --log-level warning or run calico-bootstrap plan"
	for _, tt := range []struct {
		warnings, findings int
		want               string
	}{
		{0, 0, ""}, {1, 0, "1 warning is" + rest}, {0, 1, "1 finding is" + rest}, {1, 1, "1 warning and 1 finding are" + rest},
		{3, 1, "3 warnings and 1 finding are" + rest}, {0, 2, "2 findings are" + rest},
	} {
		assert.Equal(t, tt.want, notShown(tt.warnings, tt.findings))
	}
}

// reported is a report with an existing pool that is disabled and has the default block
// size, with a warning and findings.
func reported() bootstrap.Report {
	finding := func(code preflight.FindingCode) preflight.Finding {
		return preflight.Finding{Code: code, Pool: "old", Text: "text of " + string(code)}
	}
	return bootstrap.Report{
		Pools: []bootstrap.PoolReport{
			{Name: "old", Family: ippool.IPv4, Action: plan.Unchanged, Reason: "exists", Spec: &v3.IPPoolSpec{CIDR: "10.0.0.0/16", IPIPMode: "Never", VXLANMode: "Never", Disabled: true}},
			{Name: "six", Family: ippool.IPv6, Action: plan.Unchanged, Reason: "exists", Spec: &v3.IPPoolSpec{CIDR: "fd00::/48", IPIPMode: "Never", VXLANMode: "Never"}},
			{Name: "none", Family: ippool.IPv6, Action: plan.Skipped, Reason: "because"},
		},
		Warnings: []string{"a warning"},
		Findings: []preflight.Finding{finding(preflight.HostRouteOverlap), finding(preflight.HostRouteOverlap), finding(preflight.ULAWithoutNAT)},
	}
}

// The table has what plan has: disabled, findings and the effective block size. It counts
// what the log level hides.
func TestReportTable(t *testing.T) {
	t.Parallel()
	const table = `POOL  FAMILY  ACTION     CIDR         NAT    IPIP   VXLAN  BLOCK  DISABLED  WHY
old   IPv4    unchanged  10.0.0.0/16  false  Never  Never  /26    true      exists; findings HostRouteOverlap, ULAWithoutNAT
six   IPv6    unchanged  fd00::/48    false  Never  Never  /122   false     exists
none  IPv6    skipped    -            -      -      -      -      -         because
`
	for _, tt := range []struct {
		level   string
		refusal error
		want    string
	}{
		{"error", nil, table + "\n1 warning and 3 findings are not shown; set --log-level warning or run calico-bootstrap plan\n"},
		{"error", preflight.ErrFindings, table + "\n1 warning is not shown; set --log-level warning or run calico-bootstrap plan\n"},
		{"warning", nil, table},
	} {
		p, _, err := logging(t, tt.level, "")
		require.NoError(t, err)
		var stdout bytes.Buffer
		p.stdout, p.output = &stdout, formatTable
		report := reported()
		p.warnings = report.Warnings
		p.warn()
		for _, finding := range report.Findings {
			p.logger.Warn(finding.Text, "code", finding.Code)
		}
		require.NoError(t, p.printReport(t.Context(), nil, report, tt.refusal))
		assert.Equal(t, tt.want, stdout.String(), tt.level)
	}
}

// A warning that was logged before the run is not logged again, at any level.
func TestWarnOnce(t *testing.T) {
	t.Parallel()
	p, log, err := logging(t, "debug", "text")
	require.NoError(t, err)
	p.warnings, p.resolved = []string{"of the\nprogram"}, []string{"of the settings"}
	p.warn()
	p.logger.Warn("of the\nprogram")
	p.logger.Debug("of the settings")
	p.logger.Warn("waiting", "cause", 1)
	p.logger.Warn("waiting", "cause", 2)
	for text, times := range map[string]int{"of the; program": 1, "of the settings": 1, "waiting": 2} {
		assert.Equal(t, times, bytes.Count(log.Bytes(), []byte(text)), text)
	}
	assert.Equal(t, []string{"other"}, p.warned.hidden([]string{"of the; program", "other", "of the settings"}))
}

package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

func TestVersionFormats(t *testing.T) {
	t.Parallel()
	output := func(code int, args ...string) []byte {
		var stdout, stderr bytes.Buffer
		require.Equal(t, code, run(t.Context(), append([]string{"version"}, args...), &stdout, &stderr), stderr.String())
		return append(stdout.Bytes(), stderr.Bytes()...)
	}
	want := thisVersion()
	assert.Equal(t, runtime.Version(), want.GoVersion)
	assert.Equal(t, want.String()+"\n", string(output(exitDone)))
	assert.Equal(t, want.String()+"\n", string(output(exitDone, "-o", "table")))
	var got versionInfo
	require.NoError(t, json.Unmarshal(output(exitDone, "-o", "json"), &got))
	assert.Equal(t, want, got)
	got = versionInfo{}
	require.NoError(t, yaml.UnmarshalStrict(output(exitDone, "--output=yaml"), &got))
	assert.Equal(t, want, got)
	assert.Equal(t, "error: flag --output: \"env\": unknown format; must be one of table, json, yaml\n", string(output(exitSettings, "-o", "env")))
}

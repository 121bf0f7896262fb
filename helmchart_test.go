package calicobootstrap_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

const chart = "examples/helm/calico-bootstrap/"

// chartDefaults are the values of the chart that are not the program's defaults.
var chartDefaults = map[origin.Setting]string{
	// Less than job.activeDeadlineSeconds, so that the program reports what it waits for.
	origin.SettingTimeout: "4m",
}

// chartSettings returns the settings that the chart has in settings, all but that of
// pools and poolsConfigMap.
func chartSettings() []settings.Definition {
	return slices.DeleteFunc(settings.Definitions(), func(d settings.Definition) bool { return d.ID == origin.SettingPoolsFile })
}

// chartUsage describes a setting in the words of the chart: helm-docs takes no flags in its
// comments.
func chartUsage(d settings.Definition) string {
	usage := strings.TrimSuffix(d.Usage, "; the environment variable is safer")
	for _, other := range settings.Definitions() {
		usage = strings.ReplaceAll(usage, "--"+other.Flag+" ", valueName(other)+" ")
	}
	return usage
}

// valueName returns the name of a setting in the chart: ipv4PoolCidr for --ipv4-pool-cidr.
func valueName(d settings.Definition) string {
	return regexp.MustCompile(`-[a-z0-9]`).ReplaceAllStringFunc(d.Flag, func(part string) string { return strings.ToUpper(part[1:]) })
}

// isList reports whether the value may be a list.
func isList(d settings.Definition) bool { return d.List || d.ID == origin.SettingEtcdEndpoints }

// chartValues returns the part of values.yaml, with comments for helm-docs.
func chartValues() string {
	var text strings.Builder
	for _, d := range chartSettings() {
		accepted := d.Accepted
		value := `""`
		switch {
		case d.Bool:
			accepted = "true or false"
		case d.Secret:
			accepted, value = "`{name: SECRET, key: KEY}`", "{}"
		case isList(d):
			accepted = strings.ReplaceAll(accepted, "separated by commas that don't overlap", "that don't overlap, separated by commas")
			accepted, value = strings.ReplaceAll(accepted, "separated by commas", "as a list, or separated by commas"), "[]"
		}
		if set := chartDefaults[d.ID]; set != "" {
			value = set
		}
		fmt.Fprintf(&text, "  # -- %s`%s`: %s. Accepted: %s\n", valueType(d), d.Env, chartUsage(d), accepted)
		if d.Default != "" && value == `""` {
			first := ""
			if strings.HasSuffix(valueName(d), "PoolCidr") {
				first = "the cluster's pod CIDR; else "
			}
			fmt.Fprintf(&text, "  # @default -- %s%s\n", first, d.Default)
		}
		fmt.Fprintf(&text, "  %s: %s\n", valueName(d), value)
	}
	return text.String()
}

// valueType returns the type of a value for helm-docs, which takes "" for a string.
func valueType(d settings.Definition) string {
	switch of := numbers[valueName(d)]; {
	case d.Bool:
		return "(bool) "
	case of["type"] == "number":
		return "(float) "
	case of["minimum"] != nil && d.ID != origin.SettingTimeout:
		return "(int) "
	default:
		return ""
	}
}

// hasOff reports whether a value of the setting is `off`, which is a boolean in YAML.
func hasOff(d settings.Definition) bool { return !d.Bool && slices.Contains(d.Words, "off") }

// chartVariables returns templates/_settings.tpl.
func chartVariables() string {
	var variables, off, secrets, servers strings.Builder
	for _, d := range chartSettings() {
		fmt.Fprintf(&variables, "%s: %s\n", valueName(d), d.Env)
		if hasOff(d) {
			fmt.Fprintf(&off, "- %s\n", valueName(d))
		}
		places := strings.Join(append(d.Variables(), "--"+d.Flag), ",")
		if d.Secret {
			fmt.Fprintf(&secrets, "%s: %s\n", valueName(d), places)
		}
		if d.URL {
			fmt.Fprintf(&servers, "%s: %s\n", valueName(d), places)
		}
	}
	return "{{/* Written by `go test . -run HelmChart -update`. */}}\n\n" +
		"{{/* The environment variable of each setting. */}}\n" +
		"{{- define \"calico-bootstrap.variables\" -}}\n" + variables.String() + "{{- end -}}\n\n" +
		"{{/* The settings with the value off, which is the boolean false in YAML. */}}\n" +
		"{{- define \"calico-bootstrap.off\" -}}\n" + off.String() + "{{- end -}}\n\n" +
		"{{/* The variables and the flag of each secret. */}}\n" +
		"{{- define \"calico-bootstrap.secrets\" -}}\n" + secrets.String() + "{{- end -}}\n\n" +
		"{{/* The same of each setting with URLs of servers. */}}\n" +
		"{{- define \"calico-bootstrap.servers\" -}}\n" + servers.String() + "{{- end -}}\n"
}

// chartDefaultsTemplate returns templates/_defaults.tpl, given values.yaml.
func chartDefaultsTemplate(t *testing.T, values string) string {
	t.Helper()
	defaults := object{}
	require.NoError(t, yaml.Unmarshal([]byte(values), &defaults))
	encoded, err := yaml.Marshal(defaults)
	require.NoError(t, err)
	return "{{/* Written by `go test . -run HelmChart -update`. */}}\n\n" +
		"{{/* values.yaml, for values that are null or that an older chart does not have. */}}\n" +
		"{{- define \"calico-bootstrap.defaults\" -}}\n" + string(encoded) + "{{- end -}}\n"
}

// TestHelmChartHasEverySetting compares the parts of the chart that list the settings with
// the definitions.
func TestHelmChartHasEverySetting(t *testing.T) {
	const begin, end = "  # settings: written by `go test . -run HelmChart -update`\n", "  # /settings\n"
	values := readFile(t, chart+"values.yaml")
	before, rest, found := strings.Cut(values, begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)

	schema := object{}
	require.NoError(t, json.Unmarshal([]byte(readFile(t, chart+"values.schema.json")), &schema))
	properties := object{}
	for _, d := range chartSettings() {
		properties[valueName(d)] = settingSchema(d)
	}
	all := schema["properties"].(object)
	all["settings"] = object{"type": "object", "additionalProperties": false, "properties": properties}
	all["pools"] = object{"type": "array", "items": poolSchema()}
	all["podLabels"], all["nodeSelector"] = mapSchema(labelKey, labelSchema), mapSchema(labelKey, labelSchema)
	annotations := mapSchema(annotationKey, object{"type": "string"})
	all["podAnnotations"] = annotations
	for _, name := range []string{"job", "serviceAccount"} {
		all[name].(object)["properties"].(object)["annotations"] = annotations
	}
	encoded, err := json.MarshalIndent(schema, "", "  ")
	require.NoError(t, err)

	values = before + begin + chartValues() + end + after
	for name, want := range map[string]string{
		"values.yaml":             values,
		"templates/_defaults.tpl": chartDefaultsTemplate(t, values),
		"templates/_settings.tpl": chartVariables(),
		"values.schema.json":      string(encoded) + "\n",
	} {
		if *update {
			require.NoError(t, os.WriteFile(chart+name, []byte(want), 0o644))
			continue
		}
		assert.Equal(t, want, readFile(t, chart+name), name)
	}
}

// TestHelmChartHasTheImagesUser compares the chart's user with that of the image.
func TestHelmChartHasTheImagesUser(t *testing.T) {
	t.Parallel()
	user := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindStringSubmatch(readFile(t, "examples/calico-bootstrap/Dockerfile"))
	require.NotNil(t, user)
	assert.Contains(t, readFile(t, chart+"values.yaml"), fmt.Sprintf("  runAsUser: %s\n  runAsGroup: %[2]s\n  fsGroup: %[2]s\n", user[1], user[2]))
}

// TestHelmChartHasTheLicense compares the licence that the package of the chart includes with
// that of the repository.
func TestHelmChartHasTheLicense(t *testing.T) {
	t.Parallel()
	assert.Equal(t, readFile(t, "LICENSE"), readFile(t, chart+"LICENSE"))
}

package integration

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// valuesSchema is a part of a JSON schema.
type valuesSchema struct {
	Properties           map[string]*valuesSchema
	Items                *valuesSchema
	AdditionalProperties any
}

// chartSchema returns the schema of the chart's values.
func chartSchema(t *testing.T) *valuesSchema {
	t.Helper()
	content, err := os.ReadFile(chart + "/values.schema.json")
	require.NoError(t, err)
	all := new(valuesSchema)
	require.NoError(t, json.Unmarshal(content, all))
	return all
}

// TestHelmSchemaOfPods compares the values that are parts of a pod with the fields that the
// API has: the schema has each of them, and no other is allowed.
func TestHelmSchemaOfPods(t *testing.T) {
	t.Parallel()
	properties := chartSchema(t).Properties
	for name, of := range map[string]reflect.Type{
		"podSecurityContext": reflect.TypeFor[corev1.PodSecurityContext](),
		"securityContext":    reflect.TypeFor[corev1.SecurityContext](),
		"resources":          reflect.TypeFor[corev1.ResourceRequirements](),
		"affinity":           reflect.TypeFor[corev1.Affinity](),
		"tolerations":        reflect.TypeFor[corev1.Toleration](),
		"extraEnv":           reflect.TypeFor[corev1.EnvVar](),
		"extraVolumeMounts":  reflect.TypeFor[corev1.VolumeMount](),
	} {
		value := properties[name]
		if value.Items != nil {
			value = value.Items
		}
		var fields []string
		for i := range of.NumField() {
			field, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			fields = append(fields, field)
		}
		assert.ElementsMatch(t, fields, slices.Collect(maps.Keys(value.Properties)), name)
		assert.Equal(t, false, value.AdditionalProperties, name)
	}
}

// TestHelmSchemaIsClosed checks that no object with known fields takes others.
func TestHelmSchemaIsClosed(t *testing.T) {
	t.Parallel()
	var check func(path string, of *valuesSchema)
	check = func(path string, of *valuesSchema) {
		if len(of.Properties) > 0 && path != ".extraVolumes[]" { // one of many kinds
			assert.Equal(t, false, of.AdditionalProperties, path)
		}
		for name, property := range of.Properties {
			check(path+"."+name, property)
		}
		if of.Items != nil {
			check(path+"[]", of.Items)
		}
	}
	check("", chartSchema(t))
}

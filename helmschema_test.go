package calicobootstrap_test

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The shapes of values, as regular expressions. The program checks the rest.
const (
	ipv4CIDR = `([0-9]{1,3}[.]){3}[0-9]{1,3}/[0-9]{1,2}`
	ipv6CIDR = `[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*/[0-9]{1,3}`
	anyCIDR  = `(` + ipv4CIDR + `|` + ipv6CIDR + `)`
	orNone   = `|[Nn][Oo][Nn][Ee]`
	dnsName  = `[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*`
)

// settingShapes are the shapes of settings without a list of words, by their names in the
// chart. Of a list, it is that of an item.
var settingShapes = map[string]string{
	"ipv4PoolCidr":      ipv4CIDR + orNone,
	"ipv6PoolCidr":      ipv6CIDR + orNone,
	"ipv4PoolName":      dnsName,
	"ipv6PoolName":      dnsName,
	"ipv4PoolBlockSize": `[0-9]+`,
	"ipv6PoolBlockSize": `[0-9]+`,
	"clusterCidr":       anyCIDR,
	"serviceCidr":       anyCIDR,
	"noNatTo":           anyCIDR,
	"allow":             `[A-Za-z0-9]+`,
	"timeout":           `[0-9]+|([0-9]+([.][0-9]*)?(ns|us|µs|ms|s|m|h))+`,
	"etcdEndpoints":     `[^,\s]+`,
	"etcdDiscoverySrv":  dnsName,
	"k8sApiEndpoint":    `[^,\s]+`,
	"k8sClientQps":      `[0-9]+([.][0-9]*)?`,
	"k8sClientBurst":    `[0-9]+`,
}

// numbers are the settings that may be numbers in YAML, with limits of their schema.
var numbers = map[string]object{
	"ipv4PoolBlockSize": {"type": "integer", "minimum": 20, "maximum": 32},
	"ipv6PoolBlockSize": {"type": "integer", "minimum": 116, "maximum": 128},
	"timeout":           {"type": "integer", "minimum": 0},
	"k8sClientQps":      {"type": "number", "exclusiveMinimum": 0},
	"k8sClientBurst":    {"type": "integer", "minimum": 1},
	"etcdUsername":      {"type": "integer"},
}

type object = map[string]any

// matching returns the schema of a text that is empty or has the shape.
func matching(shape string) object {
	if shape == "" {
		return object{"type": "string"}
	}
	return object{"type": "string", "pattern": "^(" + shape + ")?$"}
}

// settingSchema returns the schema of a setting. Templates check the rest, and the program
// all of it.
func settingSchema(d settings.Definition) object {
	name, usage := valueName(d), chartUsage(d)
	schema := func(s object) object { s["description"] = usage; return s }
	shape := settingShapes[name]
	if d.URL { // with a password, which the templates refuse and do not print
		shape = "(" + shape + "|.*@.*)"
	}
	switch {
	case d.Secret:
		usage += ": a reference to a key of an existing Secret, {name: SECRET, key: KEY}, as a release stores its values"
		part := object{"type": "string", "minLength": 1}
		return schema(object{"oneOf": []any{
			object{"type": "object", "maxProperties": 0},
			object{"type": "object", "additionalProperties": false, "required": []any{"name", "key"}, "properties": object{"name": part, "key": part}},
		}})
	case d.Bool:
		usage += "; true or false, without quotes"
		return schema(object{"enum": []any{true, false, ""}})
	case d.Words != nil:
		words := []any{""}
		for _, word := range d.Words {
			words = append(words, word)
		}
		if strings.HasSuffix(string(d.ID), "Mode") { // as in an IPPool
			words = append(words, string(v3.IPIPModeNever), string(v3.IPIPModeAlways), string(v3.IPIPModeCrossSubnet))
		}
		if hasOff(d) {
			words = append(words, false)
		}
		return schema(object{"enum": words})
	case isList(d):
		shape = cmp.Or(shape, `[^,]+`)
		return schema(object{"oneOf": []any{
			matching(shape + "( *, *" + shape + ")*"),
			object{"type": "array", "items": object{"type": "string", "pattern": "^(" + shape + ")$"}},
		}})
	case numbers[name] != nil: // of --set, without quotes
		return schema(object{"anyOf": []any{matching(shape), numbers[name]}})
	default:
		return schema(matching(shape))
	}
}

// The keys of labels and annotations, and the values of labels, as Kubernetes validates them:
// the domain of an annotation may have capital letters.
const (
	labelPart     = `[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`
	labelKey      = `(` + dnsName + `/)?` + labelPart
	annotationKey = `([A-Za-z0-9][-.A-Za-z0-9]*/)?` + labelPart
)

// labelSchema is the schema of a label's value.
var labelSchema = object{"type": "string", "maxLength": 63, "pattern": "^(" + labelPart + ")?$"}

// mapSchema returns the schema of labels or annotations, given that of a value.
func mapSchema(key string, value object) object {
	return object{"type": "object", "propertyNames": object{"pattern": "^" + key + "$"}, "additionalProperties": value}
}

// poolEnums are the fields of an IPPool with a fixed list of values.
var poolEnums = map[string][]string{
	"ipipMode":       words(ippool.EnumValues[v3.IPIPMode]()),
	"vxlanMode":      words(ippool.EnumValues[v3.VXLANMode]()),
	"assignmentMode": words(ippool.EnumValues[v3.AssignmentMode]()),
	"allowedUses":    words(ippool.EnumValues[v3.IPPoolAllowedUse]()),
}

func words[E ~string](values []E) []string {
	var all []string
	for _, value := range values {
		all = append(all, string(value))
	}
	return slices.Compact(all)
}

// poolSchema returns the schema of an item of pools: the fields of an IPPool that are not
// deprecated.
func poolSchema() object {
	properties := object{"name": object{"type": "string", "maxLength": 253, "pattern": "^" + dnsName + "$"}}
	spec := reflect.TypeFor[v3.IPPoolSpec]()
	for i := range spec.NumField() {
		field := spec.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		text := object{"type": "string"}
		if poolEnums[name] != nil {
			text["enum"] = poolEnums[name]
		}
		switch kind := field.Type.Kind(); {
		case strings.Contains(field.Tag.Get("validate"), "mustBe"): // deprecated
		case kind == reflect.Bool:
			properties[name] = object{"type": "boolean"}
		case kind == reflect.Int:
			properties[name] = object{"type": "integer", "minimum": 20, "maximum": 128}
		case kind == reflect.Slice:
			properties[name] = object{"type": "array", "items": text}
		default:
			properties[name] = text
		}
	}
	properties["cidr"] = object{"type": "string", "pattern": "^" + anyCIDR + "$"}
	properties["labels"], properties["annotations"] = mapSchema(labelKey, labelSchema), mapSchema(annotationKey, object{"type": "string"})
	return object{"type": "object", "additionalProperties": false, "required": []any{"name", "cidr"}, "properties": properties}
}

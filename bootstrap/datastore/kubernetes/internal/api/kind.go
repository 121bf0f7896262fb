package api

import "encoding/json"

// IsKind reports whether a response is a JSON object of this kind.
func IsKind(body []byte, kind, apiVersion string) bool {
	var object struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
	}
	return json.Unmarshal(body, &object) == nil && object.Kind == kind && object.APIVersion == apiVersion
}

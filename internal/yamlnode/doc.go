// Package yamlnode reads values from the nodes of YAML and JSON documents, and reports
// faults with the line and the path of each field. Package manifest reads IPPools with it,
// package settings a CalicoAPIConfig.
package yamlnode

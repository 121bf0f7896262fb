package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/internal/natrecord"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// The limits of exports. 5,000 nodes of Kubernetes have about 50 MiB of JSON.
const (
	maxExport     = 64 << 20
	maxYAMLExport = 8 << 20
	maxYAMLValues = 300_000
)

// readExports reads the files that replace a datastore.
func readExports(ctx context.Context, flags natFlags) (natWorld, error) {
	var world natWorld
	faults := []error{world.readPools(ctx, flags.poolsFile)}
	felixKinds := map[string]func([]byte) error{
		v3.KindFelixConfiguration: func(object []byte) error {
			felix, err := natrecord.FelixConfiguration(object)
			world.cluster.FelixConfigurations = append(world.cluster.FelixConfigurations, felix)
			return err
		},
		v3.KindClusterInformation: func(object []byte) (err error) {
			world.cluster.Version, err = natrecord.Version(object)
			return err
		},
	}
	nodeKinds := map[string]func([]byte) error{"Node": func(object []byte) error {
		node, err := natrecord.Node(object)
		world.cluster.Nodes = append(world.cluster.Nodes, node)
		return err
	}}
	if flags.felixFile != "" {
		faults = append(faults, readObjects(ctx, "felix-file", flags.felixFile, felixKinds))
	}
	if flags.nodesFile != "" {
		faults = append(faults, readObjects(ctx, "nodes-file", flags.nodesFile, nodeKinds))
	}
	if err := errors.Join(faults...); err != nil {
		return natWorld{}, err
	}
	isDefault := func(felix nat.FelixConfiguration) bool { return felix.Name == "default" }
	if !slices.ContainsFunc(world.cluster.FelixConfigurations, isDefault) {
		world.assumptions = append(world.assumptions, "no FelixConfiguration default is in a file (--felix-file): "+facts.FelixDefaultsAssumed)
	}
	if len(world.cluster.Nodes) == 0 {
		world.assumptions = append(world.assumptions, "no Node is in a file (--nodes-file): "+facts.NodesUnknown)
	}
	if world.cluster.Version == "" {
		world.assumptions = append(world.assumptions, "no ClusterInformation with a version is in a file (--felix-file): "+facts.VersionUnknown)
	}
	return world, nil
}

// readPools reads the pools of a file or a directory. Unlike in a file of desired pools, they
// may be invalid together, such as overlap: they are what a datastore has.
func (w *natWorld) readPools(ctx context.Context, file settings.Setting) error {
	type read struct {
		settings settings.Settings
		err      error
	}
	from, ok := await.Result(ctx, func() (r read) {
		r.settings.PoolsFile = file
		r.err = r.settings.ReadPoolsFile()
		return r
	})
	switch {
	case !ok:
		return ended(ctx, "reading the file of flag --pools-file")
	case from.err != nil:
		return from.err
	}
	var faults settings.Faults
	w.cli = datastore.CLI{Program: datastore.Calicoctl, Resource: "ippool"}
	for _, file := range from.settings.PoolManifests {
		if file.Skipped != "" {
			continue
		}
		entries, _, invalid := manifest.Decode(file.Data)
		for _, fault := range invalid {
			problem := fault.Problem
			if strings.HasPrefix(problem, yamlnode.OtherField) { // of a newer Calico
				w.assumptions = append(w.assumptions, fmt.Sprintf("%s: %s: unknown field, which is ignored", origin.Line(file.Path, fault.Line), text.Graphic(fault.Path)))
				continue
			}
			if fault.Path != "" {
				problem = fault.Path + ": " + problem
			}
			faults.Add(settings.Given(fault.Value, origin.Line(file.Path, fault.Line)), "%s", problem)
		}
		for _, entry := range entries {
			if fault, invalid := checkPool(entry, w.cluster.Pools); invalid {
				faults.Add(settings.Given(fault.Value, origin.Line(file.Path, fault.Line)), "%s: %s", fault.Path, fault.Problem)
			}
			w.cluster.Pools = append(w.cluster.Pools, entry.Pool)
		}
		if bytes.Contains(file.Data, []byte(ippool.CRDV1.String())) { // an export of kubectl
			w.cli = datastore.CLI{Program: datastore.Kubectl, Resource: ippool.Resource + "." + ippool.CRDV1.Group}
		}
	}
	return faults.Err()
}

// checkPool returns why a pool of an export can't be used: its CIDR, or its name, which an
// earlier one has.
func checkPool(entry manifest.Entry, earlier []*v3.IPPool) (manifest.Fault, bool) {
	if _, err := ippool.ParseCIDR(entry.Pool.Spec.CIDR); err != nil {
		return entry.At("spec.cidr", entry.Pool.Spec.CIDR, err.Error()), true
	}
	name := entry.Pool.Name
	if name != "" && slices.ContainsFunc(earlier, func(pool *v3.IPPool) bool { return pool.Name == name }) {
		return entry.At("metadata.name", name, "an earlier pool has this name; must be unique"), true
	}
	return manifest.Fault{}, false
}

// readObjects reads the objects of a file, and passes each to the function of its kind.
func readObjects(ctx context.Context, flag, file string, kinds map[string]func([]byte) error) error {
	want := wantOf(kinds)
	data, err := readFileOf(ctx, flag, file, nil, maxExport, want)
	if err != nil {
		return err
	}
	var faults settings.Faults
	fault := func(problem string) error {
		faults.Add(settings.Given(file, origin.Flag(flag)), "%s", problem)
		return faults.Err()
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && (len(data) > maxYAMLExport || yamlnode.TooLarge(data, maxYAMLValues) > 0) {
		return fault("too large for YAML; must be JSON (-o json), of at most 64 MiB")
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	found, empty := 0, false // empty: a list without items, as of a cluster that has none
	for {
		var document json.RawMessage
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fault(text.Undecodable(err, want))
		}
		if len(document) == 0 || bytes.Equal(document, []byte("null")) {
			continue
		}
		objects, list, problem := objectsIn(document)
		empty = empty || list && len(objects) == 0
		for _, object := range objects {
			if problem == "" {
				problem = useObject(object, kinds)
			}
			found++
		}
		if problem != "" {
			return fault(problem)
		}
	}
	if found == 0 && !empty {
		return fault("has no objects; must be " + want)
	}
	return nil
}

// wantOf describes a file with objects of these kinds.
func wantOf(kinds map[string]func([]byte) error) string {
	return "an export of kubectl or calicoctl with " + strings.Join(slices.Sorted(maps.Keys(kinds)), " and ")
}

// objectsIn returns the object of a document, or those of a list.
func objectsIn(document []byte) (objects []json.RawMessage, isList bool, problem string) {
	var list struct {
		Kind  string            `json:"kind"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(document, &list); err != nil {
		return nil, false, "has no objects; must be an export of kubectl or calicoctl"
	}
	if strings.HasSuffix(list.Kind, "List") {
		return list.Items, true, ""
	}
	return []json.RawMessage{document}, false, ""
}

// useObject passes an object to the function of its kind, and returns what is invalid.
func useObject(object []byte, kinds map[string]func([]byte) error) string {
	var named struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(object, &named); err != nil {
		return "has an invalid object: " + natrecord.Problem(err)
	}
	use, known := kinds[named.Kind]
	if !known && named.Kind == "" && len(kinds) == 1 { // a list may leave out the kind of its items
		for _, only := range kinds {
			use, known = only, true
		}
	}
	switch {
	case !known:
		return "has an object of the kind " + text.Quote(named.Kind) + "; must be " + wantOf(kinds)
	case named.Metadata.Name == "":
		return "has a " + named.Kind + " without a name; must have metadata.name"
	}
	if err := use(object); err != nil {
		return fmt.Sprintf("%s %s: %s", named.Kind, text.Quote(named.Metadata.Name), text.Cause(err))
	}
	return ""
}

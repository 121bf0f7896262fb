package kubernetes

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// list has the fields that lists of all kinds share.
type list struct {
	Kind     string `json:"kind"`
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

func readList(body []byte) (list, error) {
	var l list
	if err := json.Unmarshal(body, &l); err != nil || !strings.HasSuffix(l.Kind, "List") {
		return l, api.ErrNoList
	}
	return l, nil
}

// object has the fields that all objects share.
type object struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

// readPools decodes a list of pools, including malformed ones.
func readPools(body []byte) (datastore.Snapshot, error) {
	l, err := readList(body)
	if err != nil {
		return datastore.Snapshot{}, err
	}
	snapshot := datastore.Snapshot{Revision: l.Metadata.ResourceVersion}
	for _, item := range l.Items {
		var named object
		if err := json.Unmarshal(item, &named); err != nil {
			return datastore.Snapshot{}, api.ErrNoList
		}
		record, err := ippool.DecodeRecord(item)
		if err != nil {
			snapshot.Unreadable = append(snapshot.Unreadable, datastore.Unreadable{
				Name: named.Metadata.Name, Err: err, CIDR: ippool.RecordCIDR(item),
			})
			continue
		}
		snapshot.Pools = append(snapshot.Pools, record)
	}
	slices.SortFunc(snapshot.Pools, func(a, b *ippool.Record) int { return cmp.Compare(a.Pool().Name, b.Pool().Name) })
	slices.SortFunc(snapshot.Unreadable, func(a, b datastore.Unreadable) int { return cmp.Compare(a.Name, b.Name) })
	return snapshot, nil
}

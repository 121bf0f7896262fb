package ippool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// RecordPrefix is what the key of every pool in etcd begins with; the pool's
// name follows.
const RecordPrefix = "/calico/resources/v3/projectcalico.org/ippools/"

// RecordKey returns the etcd key of the pool of that name.
func RecordKey(name string) string { return RecordPrefix + name }

// Record is a pool as it stands in a datastore. Encoding a decoded record gives
// the same bytes again but for what was changed in its pool, so fields that this
// module doesn't know stay as they are. It is not safe for concurrent use.
type Record struct {
	pool    v3.IPPool
	raw     []byte // as decoded; nil for a new record
	decoded []byte // the pool as it was then, encoded
}

// NewRecord returns a record of the pool that isn't stored yet.
func NewRecord(pool *v3.IPPool) *Record {
	return &Record{pool: *pool.DeepCopy()}
}

// DecodeRecord reads a record. It takes what Calico takes: unknown fields and
// a spec that would not be valid are no errors. What is no JSON object, or has
// a field of the wrong type, is an error.
func DecodeRecord(data []byte) (*Record, error) {
	record := &Record{raw: bytes.Clone(data)}
	if err := json.Unmarshal(data, &record.pool); err != nil {
		return nil, fmt.Errorf("not the JSON of an IPPool: %w", err)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return nil, errors.New("not the JSON of an IPPool: no object")
	}
	decoded, err := encodePool(&record.pool)
	if err != nil {
		return nil, err
	}
	record.decoded = decoded
	return record, nil
}

// Pool returns what is known of the record: change it and encode. It is the same
// pool in every call.
func (r *Record) Pool() *v3.IPPool { return &r.pool }

// Clone returns a copy that shares nothing that may change.
func (r *Record) Clone() *Record {
	return &Record{pool: *r.pool.DeepCopy(), raw: r.raw, decoded: r.decoded}
}

// Raw returns the bytes that were decoded, whatever became of the pool since; nil
// for a new record. They must not be changed.
func (r *Record) Raw() []byte { return r.raw }

// RecordCIDR returns the CIDR in a record that DecodeRecord refuses for
// something else in it; empty if that can't be read either.
func RecordCIDR(data []byte) string {
	var record struct {
		Spec struct {
			CIDR string `json:"cidr"`
		} `json:"spec"`
	}
	if json.Unmarshal(data, &record) != nil {
		return ""
	}
	return record.Spec.CIDR
}

// Encode returns the value to store: for a new record byte for byte what
// calico-node writes for the same pool, on one line; for a decoded one the
// bytes that were decoded with the changes of the pool in them, down to the white
// space. A list that changed is written whole. It is an error if a change can't
// show in those bytes, because an object in them has a name more than once.
func (r *Record) Encode() ([]byte, error) {
	encoded, err := encodePool(&r.pool)
	switch {
	case err != nil:
		return nil, err
	case r.raw == nil:
		return encoded, nil
	case bytes.Equal(encoded, r.decoded):
		return bytes.Clone(r.raw), nil
	default:
		return r.encodeChange(encoded)
	}
}

func (r *Record) encodeChange(encoded []byte) ([]byte, error) {
	merged, err := mergeJSON(r.raw, r.decoded, encoded, inStruct)
	if err != nil {
		return nil, err
	}
	// Read both again: what stands in a new record must be read in this one.
	want, err := DecodeRecord(encoded)
	if err != nil {
		return nil, err
	}
	got, err := DecodeRecord(merged)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(want.decoded, got.decoded) {
		return nil, errors.New("the change can't be made in the stored record: it has a name more than once")
	}
	return merged, nil
}

// encodePool leaves out the resource version: in etcd it is the key's own
// revision and Calico never stores it. Like Calico's, the encoder escapes
// & < > in strings.
func encodePool(pool *v3.IPPool) ([]byte, error) {
	stored := *pool
	stored.ResourceVersion = ""
	return json.Marshal(&stored)
}

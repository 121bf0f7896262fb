package ippool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// RecordPrefix is the prefix of the key of every pool in etcd; the pool's name
// follows.
const RecordPrefix = "/calico/resources/v3/projectcalico.org/ippools/"

// RecordKey returns the etcd key of the pool of that name.
func RecordKey(name string) string { return RecordPrefix + name }

// Record is a pool as a datastore stores it. Encoding a decoded record returns the
// same bytes except for the changes of its pool, so unknown fields are preserved.
// It is not safe for concurrent use.
type Record struct {
	pool v3.IPPool
	raw  string // the stored value; empty for a new record
}

// NewRecord returns a new record of a copy of the pool.
func NewRecord(pool *v3.IPPool) *Record {
	return &Record{pool: *pool.DeepCopy()}
}

// DecodeRecord decodes a stored value. It accepts what Calico accepts: unknown
// fields and an invalid spec are not errors. Data that is not a JSON object is an
// error, and a field of the wrong type is a *[PartialError].
func DecodeRecord(data []byte) (*Record, error) { return DecodeRecordString(string(data)) }

// DecodeRecordString is [DecodeRecord] for a text, which the record and its pool keep.
func DecodeRecordString(text string) (*Record, error) {
	record := &Record{raw: text}
	if scanPool(record.raw, &record.pool) {
		return record, nil
	}
	record.pool = v3.IPPool{}
	data := []byte(text)
	if err := json.Unmarshal(data, &record.pool); err != nil {
		if partial := partialError(data, err); partial != nil {
			return nil, partial
		}
		return nil, fmt.Errorf("not the JSON of an IPPool: %w", err)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return nil, errors.New("not the JSON of an IPPool: not an object")
	}
	if _, err := encodePool(&record.pool); err != nil {
		return nil, err
	}
	return record, nil
}

// decoded returns the pool of the stored value without changes, encoded again.
func (r *Record) decoded() ([]byte, error) {
	stored, err := DecodeRecordString(r.raw)
	if err != nil {
		return nil, err // can't happen: it was decoded
	}
	return encodePool(&stored.pool)
}

// Pool returns the pool of the record, the same in every call. Change it to change
// what Encode returns.
func (r *Record) Pool() *v3.IPPool { return &r.pool }

// Clone returns a deep copy.
func (r *Record) Clone() *Record {
	return &Record{pool: *r.pool.DeepCopy(), raw: r.raw}
}

// Raw returns a copy of the stored value, without changes of the pool; nil for a new
// record.
func (r *Record) Raw() []byte {
	if r.raw == "" {
		return nil
	}
	return []byte(r.raw)
}

// RecordCIDR returns the CIDR in a stored value that DecodeRecord can't decode
// because of another field; empty if the CIDR can't be decoded either.
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

// Encode returns the value to store. For a new record, it is byte for byte what
// calico-node writes for the same pool, on one line. For a decoded record, it is
// the stored value with the changes of the pool: all other bytes are preserved,
// including white space, and a list that changed is replaced. It is an error if
// the change can't be made because an object in the stored value has a duplicate
// name.
func (r *Record) Encode() ([]byte, error) {
	encoded, err := encodePool(&r.pool)
	if err != nil || r.raw == "" {
		return encoded, err
	}
	decoded, err := r.decoded()
	if err != nil || bytes.Equal(encoded, decoded) {
		return []byte(r.raw), err
	}
	merged, err := mergeJSON([]byte(r.raw), decoded, encoded, inStruct)
	if err != nil {
		return nil, err
	}
	// Decode both again: the merged record must decode to the same pool.
	want, err := (&Record{raw: string(encoded)}).decoded()
	if err != nil {
		return nil, err
	}
	got, err := (&Record{raw: string(merged)}).decoded()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(want, got) {
		return nil, errors.New("the stored record can't be changed: it has a duplicate key")
	}
	return merged, nil
}

// encodePool omits the resource version, which Calico never stores: in etcd it is
// the revision of the key. Like Calico's encoder, it escapes & < > in strings.
func encodePool(pool *v3.IPPool) ([]byte, error) {
	stored := *pool
	stored.ResourceVersion = ""
	return json.Marshal(&stored)
}

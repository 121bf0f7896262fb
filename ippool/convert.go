package ippool

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ConvertTo carries the pool into a type that has the JSON of Calico's IPPool:
//
//	pool, err := ippool.ConvertTo[calicov3.IPPool](p)
//
// It is strict: a field of the pool that T doesn't know is an error, not a
// loss. So is no pool at all.
func ConvertTo[T any](pool *IPPool) (*T, error) {
	out := new(T)
	if err := convert(pool, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ConvertFrom carries a value of a type that has the JSON of Calico's IPPool
// into a pool. It is strict: a field that this package doesn't know is an
// error, not a loss. So is nil.
func ConvertFrom(from any) (*IPPool, error) {
	out := new(IPPool)
	if err := convert(from, out); err != nil {
		return nil, err
	}
	return out, nil
}

func convert(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("converting %T to %T: %w", from, to, err)
	}
	if string(data) == "null" {
		return fmt.Errorf("converting %T to %T: there is none", from, to)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return fmt.Errorf("converting %T to %T: %w", from, to, err)
	}
	return nil
}

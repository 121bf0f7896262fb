package datastore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
)

func TestDatastoreError(t *testing.T) {
	t.Parallel()
	const place, operation = "etcd https://10.0.0.1:2379", "reading IP pools"
	tests := []struct {
		name string
		err  datastore.Error
		want string
	}{
		{"all fields", datastore.Error{Kind: datastore.ErrTLS, Place: place, Operation: operation, Err: fs.ErrNotExist, Hint: "check the file"},
			"etcd https://10.0.0.1:2379: reading IP pools: TLS failure: file does not exist: check the file"},
		{"no hint", datastore.Error{Kind: datastore.ErrForbidden, Place: place, Operation: operation, Err: fs.ErrNotExist},
			"etcd https://10.0.0.1:2379: reading IP pools: permission denied: file does not exist"},
		{"no kind", datastore.Error{Place: place, Operation: operation, Err: fs.ErrNotExist},
			"etcd https://10.0.0.1:2379: reading IP pools: file does not exist"},
		{"several causes", datastore.Error{Kind: datastore.ErrUnreachable, Place: place, Operation: operation, Err: errors.Join(fs.ErrNotExist, errors.New("a:\n\tb"))},
			"etcd https://10.0.0.1:2379: reading IP pools: datastore unreachable: file does not exist; a: b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := fmt.Errorf("bootstrap: %w", &tt.err)
			assert.EqualError(t, err, "bootstrap: "+tt.want)
			assert.ErrorIs(t, err, fs.ErrNotExist)
			if tt.err.Kind == nil {
				settingstest.IsOnly(t, err)
			} else {
				settingstest.IsOnly(t, err, tt.err.Kind)
			}
			var datastoreError *datastore.Error
			require.ErrorAs(t, err, &datastoreError)
			assert.Equal(t, tt.err, *datastoreError)
			assert.Equal(t, tt.err.Kind == datastore.ErrUnreachable, datastore.Retryable(err))
		})
	}
}

// An error of an importer may have neither kind nor cause.
func TestErrorWithoutACause(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]*datastore.Error{
		": : failed":               {},
		"a: b: failed: c":          {Place: "a", Operation: "b", Hint: "c"},
		"a: b: permission denied":  {Place: "a", Operation: "b", Kind: datastore.ErrForbidden},
		"a: b: TLS failure: cause": {Place: "a", Operation: "b", Kind: datastore.ErrTLS, Err: errors.New("cause")},
	} {
		require.EqualError(t, err, want)
		assert.Equal(t, err.Kind != nil, errors.Is(err, datastore.ErrForbidden) || errors.Is(err, datastore.ErrTLS))
		var network net.Error
		assert.False(t, errors.As(err, &network))
		assert.False(t, datastore.Retryable(err))
	}
	assert.Empty(t, datastore.Change{}.Name())
	assert.Nil(t, datastore.Change{}.Pool())
}

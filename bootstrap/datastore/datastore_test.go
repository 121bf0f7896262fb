package datastore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestChange(t *testing.T) {
	t.Parallel()
	pool, record := ippool.New("a"), ippool.NewRecord(ippool.New("b"))
	create, update := datastore.Change{Create: pool}, datastore.Change{Update: record}
	assert.Equal(t, "a", create.Name())
	assert.Same(t, pool, create.Pool())
	assert.Equal(t, "b", update.Name())
	assert.Same(t, record.Pool(), update.Pool())
}

// A change without an outcome was not written.
func TestResultOf(t *testing.T) {
	t.Parallel()
	written := datastore.Outcome{State: datastore.Written, Stored: ippool.New("a")}
	result := datastore.Result{Outcomes: []datastore.Outcome{written, {State: datastore.Unknown}}}
	assert.Equal(t, written, result.Of(0))
	assert.Equal(t, datastore.Unknown, result.Of(1).State)
	assert.Equal(t, datastore.Outcome{State: datastore.NotWritten}, result.Of(2))
	assert.Zero(t, datastore.Result{}.Of(0))
}

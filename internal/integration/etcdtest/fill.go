package etcdtest

import (
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Fill stores n records, in batches.
func Fill(tb testing.TB, client *clientv3.Client, n int, record func(i int) (key, value string)) {
	tb.Helper()
	const batch = 100 // etcd allows 128 operations in a transaction
	for from := 0; from < n; from += batch {
		var puts []clientv3.Op
		for i := from; i < min(from+batch, n); i++ {
			puts = append(puts, clientv3.OpPut(record(i)))
		}
		_, err := client.Txn(tb.Context()).Then(puts...).Commit()
		require.NoError(tb, err)
	}
}

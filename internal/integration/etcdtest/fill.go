package etcdtest

import (
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Fill stores n records, many at a time.
func Fill(tb testing.TB, client *clientv3.Client, n int, record func(i int) (key, value string)) {
	tb.Helper()
	const together = 100 // etcd takes 128 in a transaction
	for from := 0; from < n; from += together {
		var puts []clientv3.Op
		for i := from; i < min(from+together, n); i++ {
			puts = append(puts, clientv3.OpPut(record(i)))
		}
		_, err := client.Txn(tb.Context()).Then(puts...).Commit()
		require.NoError(tb, err)
	}
}

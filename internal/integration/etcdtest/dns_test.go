package etcdtest_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// The tests in this file replace the process's resolver, so they are not parallel.

const service = "_etcd-client._tcp." + etcdtest.Domain

func TestSRV(t *testing.T) {
	d := etcdtest.SRV(t, map[string][]net.SRV{service: {
		{Target: "m1." + etcdtest.Domain, Port: 2, Priority: 2, Weight: 7},
		{Target: "m0." + etcdtest.Domain + ".", Port: 1, Priority: 1},
	}})
	name, srvs, err := net.LookupSRV("etcd-client", "tcp", etcdtest.Domain)
	require.NoError(t, err)
	assert.Equal(t, service+".", name)
	assert.Equal(t, []*net.SRV{
		{Target: "m0." + etcdtest.Domain + ".", Port: 1, Priority: 1},
		{Target: "m1." + etcdtest.Domain + ".", Port: 2, Priority: 2, Weight: 7},
	}, srvs)
	assert.Contains(t, d.Queries(), "SRV "+service+".")

	for _, host := range []string{etcdtest.Domain, "m0." + etcdtest.Domain} {
		addrs, err := net.DefaultResolver.LookupNetIP(t.Context(), "ip", host)
		require.NoError(t, err)
		assert.Equal(t, []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, addrs)
	}
}

func TestSRVOtherNames(t *testing.T) {
	etcdtest.SRV(t, map[string][]net.SRV{service: {{Target: "m0." + etcdtest.Domain, Port: 1}}})
	_, _, err := net.LookupSRV("etcd-client-ssl", "tcp", etcdtest.Domain)
	assertNotFound(t, err)
	_, _, err = net.LookupSRV("etcd-client", "tcp", "other.test")
	assertNotFound(t, err)
	_, err = net.LookupHost("other.test")
	assertNotFound(t, err)
}

func TestSRVFailsAtFirst(t *testing.T) {
	records := map[string][]net.SRV{service: {{Target: "m0." + etcdtest.Domain, Port: 1}}}
	t.Run("until Answer", func(t *testing.T) {
		d := etcdtest.SRV(t, records, etcdtest.FailAtFirst())
		assertTemporary(t, lookup())
		d.Answer()
		require.NoError(t, lookup())
		d.Fail()
		assertTemporary(t, lookup())
	})
	t.Run("for a while", func(t *testing.T) {
		etcdtest.SRV(t, records, etcdtest.FailFor(300*time.Millisecond))
		assertTemporary(t, lookup())
		require.Eventually(t, func() bool { return lookup() == nil }, time.Minute, 20*time.Millisecond)
	})
}

// TestSRVLeadsToServers connects to the server of an SRV record, with and without TLS.
func TestSRVLeadsToServers(t *testing.T) {
	for name, opts := range map[string][]etcdtest.Option{
		"plain": nil,
		"tls":   {etcdtest.WithMutualTLS()},
	} {
		t.Run(name, func(t *testing.T) {
			s := etcdtest.Start(t, opts...)
			put(t, s.Client(t), "a", "1")
			etcdtest.SRV(t, map[string][]net.SRV{service: {s.SRV()}})

			_, srvs, err := net.LookupSRV("etcd-client", "tcp", etcdtest.Domain)
			require.NoError(t, err)
			require.Len(t, srvs, 1)
			cfg := clientv3.Config{Endpoints: []string{fmt.Sprintf("http://%s:%d", srvs[0].Target, srvs[0].Port)}}
			if s.PKI() != nil {
				// Clients that discover TLS servers use the name without the final
				// dot, as in certificates.
				cfg.TLS = s.PKI().TLS(t, s.PKI().Client())
				cfg.Endpoints[0] = fmt.Sprintf("https://%s:%d", "m0."+etcdtest.Domain, srvs[0].Port)
			}
			assert.Equal(t, "1", get(t, connect(t, cfg), "a"))
		})
	}
}

// TestSRVEnds checks that the system's resolver is restored when the test ends.
func TestSRVEnds(t *testing.T) {
	var d *etcdtest.DNS
	t.Run("answering", func(t *testing.T) {
		d = etcdtest.SRV(t, map[string][]net.SRV{service: {{Target: "m0." + etcdtest.Domain, Port: 1}}})
		require.NoError(t, lookup())
	})
	n := len(d.Queries())
	_, err := net.LookupHost("localhost")
	require.NoError(t, err)
	assert.Len(t, d.Queries(), n)
	etcdtest.SRV(t, nil)
	assertNotFound(t, lookup())
}

func lookup() error {
	_, _, err := net.LookupSRV("etcd-client", "tcp", etcdtest.Domain)
	return err
}

func assertNotFound(t *testing.T, err error) {
	t.Helper()
	var de *net.DNSError
	require.True(t, errors.As(err, &de), "%v", err)
	assert.True(t, de.IsNotFound, "%v", err)
}

func assertTemporary(t *testing.T, err error) {
	t.Helper()
	var de *net.DNSError
	require.True(t, errors.As(err, &de), "%v", err)
	assert.False(t, de.IsNotFound, "%v", err)
	assert.True(t, de.IsTemporary, "%v", err)
}

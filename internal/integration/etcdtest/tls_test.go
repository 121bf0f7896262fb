package etcdtest_test

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithMutualTLS())
	pki := s.PKI()
	require.True(t, strings.HasPrefix(s.Endpoints()[0], "https://127.0.0.1:"), s.Endpoints()[0])
	put(t, s.Client(t), "a", "1")

	localhost := strings.Replace(s.Endpoints()[0], "127.0.0.1", "localhost", 1)
	for name, ep := range map[string]string{"address": s.Endpoints()[0], "name": localhost} {
		t.Run("accepts/"+name, func(t *testing.T) {
			c := connect(t, clientv3.Config{Endpoints: []string{ep}, TLS: pki.TLS(t, pki.Client())})
			assert.Equal(t, "1", get(t, c, "a"))
		})
	}

	s.ResetRPCs()
	for name, tc := range map[string]struct {
		tls   *tls.Config
		cause string // a part of gRPC's message
	}{
		"no certificate":     {tls: pki.TLS(t, nil), cause: "certificate required"},
		"another authority":  {tls: pki.TLS(t, pki.OtherCAClient(t)), cause: "unknown certificate authority"},
		"expired":            {tls: pki.TLS(t, pki.ExpiredClient(t)), cause: "expired certificate"},
		"server not trusted": {tls: &tls.Config{MinVersion: tls.VersionTLS12}, cause: "signed by unknown authority"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			// With TLS 1.3 a client gets the refusal of its certificate only after
			// the handshake. If it first fails to write to the closed connection,
			// gRPC's message has that error instead.
			for range 100 {
				c := connect(t, clientv3.Config{Endpoints: s.Endpoints(), TLS: tc.tls})
				err := callOnce(t, c)
				require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
				if strings.Contains(err.Error(), tc.cause) {
					return
				}
			}
			t.Errorf("no error has %q", tc.cause)
		})
	}
	plain := connect(t, clientv3.Config{Endpoints: []string{strings.Replace(s.Endpoints()[0], "https", "http", 1)}})
	assert.Equal(t, codes.Unavailable, status.Code(callOnce(t, plain)), "plain text")
	assert.Empty(t, s.RPCs(), "no call reached the server")
}

func TestServerTLS(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithServerTLS())
	put(t, s.Client(t), "a", "1")
	c := connect(t, clientv3.Config{Endpoints: s.Endpoints(), TLS: s.PKI().TLS(t, nil)})
	assert.Equal(t, "1", get(t, c, "a"), "no certificate")
}

func TestServerCert(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cert  etcdtest.ServerCert
		cause string
	}{
		"expired":           {etcdtest.ServerCertExpired, "certificate has expired"},
		"wrong host":        {etcdtest.ServerCertWrongHost, "cannot validate certificate for 127.0.0.1"},
		"another authority": {etcdtest.ServerCertOtherCA, "signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := etcdtest.Start(t, etcdtest.WithMutualTLS(), etcdtest.WithServerCert(tc.cert))
			put(t, s.Client(t), "a", "1")
			pki := s.PKI()
			err := callOnce(t, connect(t, clientv3.Config{Endpoints: s.Endpoints(), TLS: pki.TLS(t, pki.Client())}))
			require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
			assert.ErrorContains(t, err, tc.cause)
		})
	}
}

func TestPKIFiles(t *testing.T) {
	t.Parallel()
	pki := etcdtest.Start(t, etcdtest.WithServerTLS()).PKI()
	other := pki.OtherCAClient(t)
	for file, want := range map[string][]byte{
		pki.CACertFile:     pki.CACert,
		pki.ClientCertFile: pki.ClientCert,
		pki.ClientKeyFile:  pki.ClientKey,
		other.CertFile:     other.Cert,
		other.KeyFile:      other.Key,
	} {
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Contains(t, string(got), "-----BEGIN ")
	}
}

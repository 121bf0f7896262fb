package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ServerCert is the kind of certificate of a server with TLS.
type ServerCert int

const (
	// ServerCertValid is valid for 127.0.0.1, localhost, Domain and the hosts of
	// Domain, and issued by the authority in PKI.
	ServerCertValid ServerCert = iota
	// ServerCertExpired expired an hour ago.
	ServerCertExpired
	// ServerCertWrongHost is valid for another host only.
	ServerCertWrongHost
	// ServerCertOtherCA is issued by another authority than that in PKI.
	ServerCertOtherCA
)

// ClientName is the default common name of client certificates. With mutual TLS and
// authentication, etcd uses it as the user of a client without a token; WithAuth has no
// such user.
const ClientName = "etcdtest-client"

// PKI is the public key infrastructure of one server or cluster, as PEM and as files
// that are removed when the test ends.
type PKI struct {
	CACert     []byte
	ClientCert []byte
	ClientKey  []byte

	CACertFile     string
	ClientCertFile string
	ClientKeyFile  string

	ca     *authority
	server *KeyPair
}

// KeyPair is a certificate and its key, as PEM and as files that are removed when the
// test ends.
type KeyPair struct {
	Cert     []byte
	Key      []byte
	CertFile string
	KeyFile  string
}

func newPKI(tb testing.TB, cert ServerCert) *PKI {
	tb.Helper()
	ca := newAuthority(tb)
	p := &PKI{CACert: ca.pem, CACertFile: filepath.Join(tb.TempDir(), "ca.pem"), ca: ca}
	require.NoError(tb, os.WriteFile(p.CACertFile, p.CACert, 0o600))

	c := p.NewClient(tb, ClientName)
	p.ClientCert, p.ClientKey = c.Cert, c.Key
	p.ClientCertFile, p.ClientKeyFile = c.CertFile, c.KeyFile

	leaf := valid("etcdtest-server")
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.DNSNames = []string{"localhost", Domain, "*." + Domain}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	switch cert {
	case ServerCertExpired:
		expire(leaf)
	case ServerCertWrongHost:
		leaf.DNSNames, leaf.IPAddresses = []string{"other.test"}, nil
	case ServerCertOtherCA:
		ca = newAuthority(tb)
	case ServerCertValid:
	}
	p.server = ca.issue(tb, leaf)
	return p
}

// Client returns the default key pair, which the server accepts.
func (p *PKI) Client() *KeyPair {
	return &KeyPair{
		Cert: p.ClientCert, Key: p.ClientKey,
		CertFile: p.ClientCertFile, KeyFile: p.ClientKeyFile,
	}
}

// NewClient returns a key pair that the server accepts, with the given common
// name.
func (p *PKI) NewClient(tb testing.TB, commonName string) *KeyPair {
	tb.Helper()
	return p.ca.issue(tb, clientLeaf(commonName))
}

// OtherCAClient returns a key pair of an authority that the server does not trust. It has
// the same name as the server's authority, as clients send only certificates of an
// authority that the server names.
func (p *PKI) OtherCAClient(tb testing.TB) *KeyPair {
	tb.Helper()
	return newAuthority(tb).issue(tb, clientLeaf(ClientName))
}

// ExpiredClient returns a key pair of the server's authority whose certificate expired an
// hour ago.
func (p *PKI) ExpiredClient(tb testing.TB) *KeyPair {
	tb.Helper()
	leaf := clientLeaf(ClientName)
	expire(leaf)
	return p.ca.issue(tb, leaf)
}

// TLS returns the configuration of a client that trusts the authority of p and has the
// given certificate. Without one, client is nil.
func (p *PKI) TLS(tb testing.TB, client *KeyPair) *tls.Config {
	tb.Helper()
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	require.True(tb, cfg.RootCAs.AppendCertsFromPEM(p.CACert))
	if client != nil {
		cert, err := tls.X509KeyPair(client.Cert, client.Key)
		require.NoError(tb, err)
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg
}

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	root := valid("etcdtest-ca")
	root.IsCA = true
	root.BasicConstraintsValid = true
	root.KeyUsage = x509.KeyUsageCertSign
	key := newKey(tb)
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	require.NoError(tb, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return &authority{cert: cert, key: key, pem: encode("CERTIFICATE", der)}
}

func (a *authority) issue(tb testing.TB, leaf *x509.Certificate) *KeyPair {
	tb.Helper()
	key := newKey(tb)
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, key.Public(), a.key)
	require.NoError(tb, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(tb, err)

	dir := tb.TempDir()
	pair := &KeyPair{
		Cert: encode("CERTIFICATE", der), Key: encode("PRIVATE KEY", pkcs8),
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
	}
	require.NoError(tb, os.WriteFile(pair.CertFile, pair.Cert, 0o600))
	require.NoError(tb, os.WriteFile(pair.KeyFile, pair.Key, 0o600))
	return pair
}

// valid returns a certificate template that is valid for a day before and after now, in
// case the clock is set during the test.
func valid(commonName string) *x509.Certificate {
	now := time.Now()
	serial := make([]byte, 16)
	_, _ = rand.Read(serial) // never fails
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func expire(cert *x509.Certificate) { cert.NotAfter = time.Now().Add(-time.Hour) }

func clientLeaf(commonName string) *x509.Certificate {
	leaf := valid(commonName)
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return leaf
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	return key
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

package kubetest

import (
	"fmt"
	"os"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/loopback"
)

// The files in a server's folder.
const (
	caFile      = "ca.pem"
	certFile    = "server.pem"
	keyFile     = "server-key.pem"
	signingFile = "tokens-key.pem"
	policyFile  = "audit-policy.yaml"
	auditFile   = "audit.log"
)

// issuer is the issuer of tokens. It is only a name and not contacted.
const issuer = "https://kubernetes.default.svc"

// policy logs the metadata of each request when it arrives and when it is answered.
const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: Metadata}]
`

// prepare writes the files that the API server reads.
func (s *Server) prepare() error {
	var err error
	if s.ca, err = newAuthority(); err != nil {
		return err
	}
	serving, err := s.ca.server()
	if err != nil {
		return err
	}
	if s.admin, err = s.ca.client(AdminUser, "system:masters"); err != nil {
		return err
	}
	if s.signing, err = newSigner(); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		caFile:      s.ca.pem,
		certFile:    serving.cert,
		keyFile:     serving.key,
		signingFile: s.signing.pem,
		policyFile:  []byte(policy),
	} {
		if err := os.WriteFile(s.file(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) etcdFlags() []string {
	return []string{
		"--name=kubetest",
		"--data-dir=" + s.file("etcd"),
		"--listen-client-urls=" + s.etcdURL(s.client),
		"--advertise-client-urls=" + s.etcdURL(s.client),
		"--listen-peer-urls=" + s.etcdURL(s.peer),
		"--initial-advertise-peer-urls=" + s.etcdURL(s.peer),
		"--initial-cluster=kubetest=" + s.etcdURL(s.peer),
		fmt.Sprintf("--socket-reuse-port=%t", loopback.Shared),
		"--unsafe-no-fsync",
		"--heartbeat-interval=10", // milliseconds; a single member elects itself
		"--election-timeout=100",
	}
}

func (*Server) etcdURL(port *loopback.Port) string { return "http://" + port.Address() }

func (s *Server) apiserverFlags() []string {
	return append([]string{
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", s.api.Number()),
		fmt.Sprintf("--permit-port-sharing=%t", loopback.Shared),
		// The API server refuses to advertise a loopback address to pods unless the
		// endpoint reconciler is off. There are no pods.
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--etcd-servers=" + s.etcdURL(s.client),
		"--service-cluster-ip-range=10.0.0.0/24",

		"--cert-dir=" + s.folder,
		"--tls-cert-file=" + s.file(certFile),
		"--tls-private-key-file=" + s.file(keyFile),
		"--client-ca-file=" + s.file(caFile),
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + s.file(signingFile),
		"--service-account-signing-key-file=" + s.file(signingFile),

		// Blocking, so that a request's lines are written before its answer is
		// complete; in one file without rotation.
		"--audit-policy-file=" + s.file(policyFile),
		"--audit-log-path=" + s.file(auditFile),
		"--audit-log-mode=blocking",
		"--audit-log-maxsize=0",
	}, s.options.flags...)
}

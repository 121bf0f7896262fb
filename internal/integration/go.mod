module github.com/calico-bootstrap/calico-bootstrap/internal/integration

go 1.26.0

tool honnef.co/go/tools/cmd/staticcheck

require (
	github.com/calico-bootstrap/calico-bootstrap v0.0.0
	github.com/stretchr/testify v1.12.1
	go.etcd.io/etcd/client/v3 v3.7.3
	go.etcd.io/etcd/server/v3 v3.7.3
	go.uber.org/goleak v1.3.0
	honnef.co/go/tools v0.8.2
)

replace github.com/calico-bootstrap/calico-bootstrap => ../../

module github.com/calico-bootstrap/calico-bootstrap/examples

go 1.26.0

require (
	github.com/calico-bootstrap/calico-bootstrap v0.0.0
	github.com/spf13/cobra v1.10.2
	go.etcd.io/etcd/client/v3 v3.7.3
	go.etcd.io/etcd/server/v3 v3.7.3
	k8s.io/apimachinery v0.37.2
)

replace github.com/calico-bootstrap/calico-bootstrap => ../

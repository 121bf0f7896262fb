package etcdv3

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/internal/natrecord"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

var _ facts.VersionReader = (*Datastore)(nil)

// Versions asks the member that the client is connected to for its status and for the
// members that it knows, which works without a quorum, and reads the ClusterInformation. If
// etcd is unreachable or refuses the credentials, it makes no further request.
func (d *Datastore) Versions(ctx context.Context) facts.Versions {
	var read facts.Versions
	err := d.call(ctx, "reading the version", func(ctx context.Context, client *clientv3.Client) error {
		connection := client.ActiveConnection()
		if connection == nil { // a caller's client may have nothing but a KV
			return errors.New("the client has no connection")
		}
		status, err := etcdserverpb.NewMaintenanceClient(connection).Status(ctx, &etcdserverpb.StatusRequest{})
		if err != nil {
			return err
		}
		read.Server = text.Clip(status.Version, text.MaxQuoted)
		for _, problem := range status.Errors {
			read.Problems = append(read.Problems, "the etcd member reports: "+text.Clip(text.OneLine(problem), text.MaxProblem))
		}
		members, err := etcdserverpb.NewClusterClient(connection).MemberList(ctx, &etcdserverpb.MemberListRequest{})
		if err == nil {
			read.Members = len(members.Members)
		}
		return err
	})
	if err != nil {
		read.Problems = append(read.Problems, err.Error())
	}
	for _, final := range []error{datastore.ErrUnreachable, datastore.ErrTLS, datastore.ErrUnauthorized} {
		if errors.Is(err, final) {
			return read
		}
	}
	version, problems, err := d.calicoVersion(ctx, facts.CalicoUnknown)
	if err != nil {
		problems = append(problems, facts.CalicoUnknown+": "+err.Error())
	}
	read.Calico, read.Problems = version, append(read.Problems, problems...)
	return read
}

// calicoVersion reads Calico's version from the ClusterInformation. Without one, there is a
// problem, which says what is assumed.
func (d *Datastore) calicoVersion(ctx context.Context, assumed string) (version string, problems []string, err error) {
	problems, err = d.resources(ctx, "clusterinformations", "ClusterInformation", assumed, func(name string, record []byte) (err error) {
		if name == "default" {
			version, err = natrecord.Version(record)
		}
		return err
	})
	if err == nil && len(problems) == 0 && version == "" {
		problems = []string{"no ClusterInformation default has a version of Calico: " + assumed}
	}
	return version, problems, err
}

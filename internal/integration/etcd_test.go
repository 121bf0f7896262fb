package integration

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// etcdWorld is a suite.World on one etcd server, which is emptied before each test.
type etcdWorld struct {
	server        *etcdtest.Server
	admin         *clientv3.Client
	callersClient bool // Open gives the datastore the caller's client, not a config
}

var _ suite.World = (*etcdWorld)(nil)

func newEtcdWorld(t *testing.T, opts ...etcdtest.Option) *etcdWorld {
	server := etcdtest.Start(t, opts...)
	return &etcdWorld{server: server, admin: server.Client(t)}
}

// empty removes every key.
func (w *etcdWorld) empty(t *testing.T) *etcdWorld {
	t.Helper()
	_, err := w.admin.Delete(t.Context(), "", clientv3.WithPrefix())
	require.NoError(t, err)
	w.server.ResetRPCs()
	return w
}

func (w *etcdWorld) Open(t *testing.T) datastore.Datastore {
	if w.callersClient {
		return etcdv3.New(w.server.Client(t))
	}
	return open(t, etcdv3.Config{Endpoints: w.server.Endpoints()})
}

// open opens a datastore that is closed when the test ends.
func open(t *testing.T, config etcdv3.Config) *etcdv3.Datastore {
	t.Helper()
	store, err := etcdv3.Open(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	return store
}

func (w *etcdWorld) WriteRaw(t *testing.T, name, data string) {
	t.Helper()
	_, err := w.admin.Put(t.Context(), ippool.RecordKey(name), data)
	require.NoError(t, err)
}

func (w *etcdWorld) Raw(t *testing.T, name string) string {
	t.Helper()
	resp, err := w.admin.Get(t.Context(), ippool.RecordKey(name))
	require.NoError(t, err)
	require.Len(t, resp.Kvs, 1)
	return string(resp.Kvs[0].Value)
}

func (w *etcdWorld) Delete(t *testing.T, name string) {
	t.Helper()
	_, err := w.admin.Delete(t.Context(), ippool.RecordKey(name))
	require.NoError(t, err)
}

func (w *etcdWorld) Write(t *testing.T, pool *v3.IPPool) {
	t.Helper()
	record, err := ippool.NewRecord(pool).Encode()
	require.NoError(t, err)
	w.put(t, ippool.RecordKey(pool.Name), string(record))
}

func (w *etcdWorld) put(t *testing.T, key, value string) {
	t.Helper()
	_, err := w.admin.Put(t.Context(), key, value)
	require.NoError(t, err)
}

func (w *etcdWorld) WriteBlock(t *testing.T, block string) {
	t.Helper()
	family := "ipv4"
	if strings.Contains(block, ":") {
		family = "ipv6"
	}
	w.put(t, "/calico/ipam/v2/assignment/"+family+"/block/"+strings.ReplaceAll(block, "/", "-"), "large")
}

func (w *etcdWorld) Pools(t *testing.T) []v3.IPPool {
	t.Helper()
	pools := []v3.IPPool{}
	for _, kv := range w.records(t) {
		record, err := ippool.DecodeRecord([]byte(kv.value))
		require.NoError(t, err)
		pools = append(pools, *record.Pool())
	}
	return pools
}

type keyValue struct{ key, value string }

// records returns the keys and values under the pools' prefix, sorted by key.
func (w *etcdWorld) records(t *testing.T) []keyValue {
	t.Helper()
	resp, err := w.admin.Get(t.Context(), ippool.RecordPrefix, clientv3.WithPrefix())
	require.NoError(t, err)
	var all []keyValue
	for _, kv := range resp.Kvs {
		all = append(all, keyValue{string(kv.Key), string(kv.Value)})
	}
	return all
}

// versions returns how often each of the pools was written.
func (w *etcdWorld) versions(t *testing.T) []int64 {
	t.Helper()
	resp, err := w.admin.Get(t.Context(), ippool.RecordPrefix, clientv3.WithPrefix())
	require.NoError(t, err)
	var all []int64
	for _, kv := range resp.Kvs {
		all = append(all, kv.Version)
	}
	return all
}

func TestEtcdSuite(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	suite.Run(t, func(t *testing.T) suite.World { return world.empty(t) })
}

func TestEtcdSuiteWithCallersClient(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	world.callersClient = true
	suite.Run(t, func(t *testing.T) suite.World { return world.empty(t) })
}

// TestUpdateByteForByte checks that an update changes only the bytes of the desired
// fields.
func TestUpdateByteForByte(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	const before = ` {"kind":"IPPool", "apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool","uid":"x","creationTimestamp":null,` +
		`"annotations":{"b":"<&>","a":"\u00e4"}},"unknown":[1.50, {}],"spec":{"cidr":"10.244.0.0/16","natOutgoing":true,"vxlanMode":"Never", "more":"x" ,"ipipMode":"Always"}} `
	world.WriteRaw(t, "default-ipv4-ippool", before)
	var s settings.Settings
	s.IPv6.CIDR = settings.Given("none", origin.Caller("test"))
	s.OnDrift = settings.Given("update", origin.Caller("test"))
	s.IPv4.NATOutgoing, s.IPv4.IPIP = settings.Given("false", origin.Caller("test")), settings.Given("never", origin.Caller("test"))
	_, err := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), s)
	require.NoError(t, err)
	want := strings.NewReplacer(`"natOutgoing":true,`, ``, `"ipipMode":"Always"`, `"ipipMode":"Never"`).Replace(before)
	assert.Equal(t, want, world.Raw(t, "default-ipv4-ippool"))
}

// TestUpdateOfRecordUnderAnotherKey updates records whose metadata.name is not the
// one of the key, or is missing. They stay so, as Calico finds a record by its key.
func TestUpdateOfRecordUnderAnotherKey(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	for _, metadata := range []string{`,"metadata":{"name":"other","uid":"x","creationTimestamp":null}`, `,"metadata":{}`, ``} {
		before := `{"kind":"IPPool"` + metadata + `,"spec":{"cidr":"10.244.0.0/16","ipipMode":"Always"}}`
		world.empty(t).WriteRaw(t, "default-ipv4-ippool", before)
		var s settings.Settings
		s.IPv6.CIDR = settings.Given("none", origin.Caller("test"))
		s.OnDrift = settings.Given("update", origin.Caller("test"))
		s.IPv4.IPIP = settings.Given("never", origin.Caller("test"))
		report, err := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), s)
		require.NoError(t, err)
		assert.Equal(t, plan.Updated, report.Pools[0].Action)
		assert.Equal(t, strings.Replace(before, "Always", "Never", 1), world.Raw(t, "default-ipv4-ippool"))
	}
}

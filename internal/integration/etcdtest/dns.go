package etcdtest

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// Domain is a domain that resolves to 127.0.0.1 while SRV answers, and so do all its
// hosts.
const Domain = "etcd-bootstrap.test"

// answering is the server that replaces the system's, or nil.
var answering atomic.Pointer[DNS]

// The default resolver is replaced once, before main. Every dial reads the variable and
// the members of a cluster dial each other continuously, so a later change would be a
// data race. While no DNS is answering, lookups use the system's servers.
func init() {
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			if s := answering.Load(); s != nil {
				return d.DialContext(ctx, "udp", s.conn.LocalAddr().String())
			}
			return d.DialContext(ctx, network, address)
		},
	}
}

// DNS is a DNS server that replaces the system's.
type DNS struct {
	conn net.PacketConn
	srv  map[string][]net.SRV
	done chan struct{}

	failOn string // empty: none

	mu      sync.Mutex
	failing bool
	failFor time.Duration
	first   time.Time // time of the first query
	queries []string
}

// DNSOption configures SRV.
type DNSOption func(*DNS)

// FailAtFirst makes the server fail every query until Answer is called.
func FailAtFirst() DNSOption {
	return func(d *DNS) { d.failing = true }
}

// FailFor makes the server fail every query for a time after the first one. It is not a
// number of queries, as the number of queries for a lookup depends on resolv.conf.
func FailFor(span time.Duration) DNSOption {
	return func(d *DNS) { d.failFor = span }
}

// FailOn makes the server fail every query for a full name, until the test ends.
func FailOn(name string) DNSOption {
	return func(d *DNS) { d.failOn = canonical(name) }
}

// SRV answers the lookups of net.DefaultResolver until the test ends: SRV queries from
// records, whose keys are full names such as "_etcd-client._tcp.etcd-bootstrap.test",
// and address queries for Domain and its hosts with 127.0.0.1. No other name exists.
//
// The resolver is global: tests that use SRV must not be parallel with each other or
// with tests that resolve real names.
func SRV(tb testing.TB, records map[string][]net.SRV, opts ...DNSOption) *DNS {
	tb.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(tb, err)
	d := &DNS{conn: conn, srv: make(map[string][]net.SRV), done: make(chan struct{})}
	for name, rrs := range records {
		d.srv[canonical(name)] = rrs
	}
	for _, opt := range opts {
		opt(d)
	}
	go d.serve()
	tb.Cleanup(func() {
		answering.CompareAndSwap(d, nil)
		assert.NoError(tb, conn.Close())
		<-d.done
	})
	require.True(tb, answering.CompareAndSwap(nil, d), "another test's SRV is answering")
	return d
}

// Fail makes every later query fail with SERVFAIL.
func (d *DNS) Fail() { d.set(true) }

// Answer ends Fail, FailAtFirst and FailFor.
func (d *DNS) Answer() { d.set(false) }

func (d *DNS) set(failing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing, d.failFor = failing, 0
}

// Queries returns the type and name of each query so far, such as
// "SRV _etcd-client._tcp.etcd-bootstrap.test.".
func (d *DNS) Queries() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.queries)
}

func (d *DNS) serve() {
	defer close(d.done)
	buf := make([]byte, 4096)
	for {
		n, from, err := d.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if out, ok := d.reply(buf[:n]); ok {
			_, _ = d.conn.WriteTo(out, from)
		}
	}
}

// reply returns the answer to a query, or false if in is not a query.
func (d *DNS) reply(in []byte) ([]byte, bool) {
	var p dnsmessage.Parser
	h, err := p.Start(in)
	if err != nil || h.Response {
		return nil, false
	}
	q, err := p.Question()
	if err != nil {
		return nil, false
	}
	out := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: h.ID, Response: true, Authoritative: true,
			RecursionDesired: h.RecursionDesired, RecursionAvailable: true,
		},
		Questions: []dnsmessage.Question{q},
	}
	if d.fails(q) {
		out.RCode = dnsmessage.RCodeServerFailure
	} else {
		out.RCode, out.Answers = d.answer(q)
	}
	packed, err := out.Pack()
	return packed, err == nil
}

// fails records the query and reports whether it must fail.
func (d *DNS) fails(q dnsmessage.Question) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queries) == 0 {
		d.first = time.Now()
	}
	d.queries = append(d.queries, strings.TrimPrefix(q.Type.String(), "Type")+" "+q.Name.String())
	return d.failing || time.Since(d.first) < d.failFor || canonical(q.Name.String()) == d.failOn
}

func (d *DNS) answer(q dnsmessage.Question) (dnsmessage.RCode, []dnsmessage.Resource) {
	name := canonical(q.Name.String())
	host := name == Domain+"." || strings.HasSuffix(name, "."+Domain+".")
	h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	switch {
	case q.Type == dnsmessage.TypeSRV && d.srv[name] != nil:
		var all []dnsmessage.Resource
		for _, rr := range d.srv[name] {
			target, err := dnsmessage.NewName(canonical(rr.Target))
			if err != nil {
				return dnsmessage.RCodeServerFailure, nil
			}
			all = append(all, dnsmessage.Resource{Header: h, Body: &dnsmessage.SRVResource{
				Priority: rr.Priority, Weight: rr.Weight, Port: rr.Port, Target: target,
			}})
		}
		return dnsmessage.RCodeSuccess, all
	case q.Type == dnsmessage.TypeA && host:
		a := &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}
		return dnsmessage.RCodeSuccess, []dnsmessage.Resource{{Header: h, Body: a}}
	case q.Type == dnsmessage.TypeAAAA && host:
		return dnsmessage.RCodeSuccess, nil
	default:
		return dnsmessage.RCodeNameError, nil
	}
}

func canonical(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, ".")) + "."
}

package etcdv3

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// FuzzFromSettings holds any settings for etcd to this: they are refused with a
// line a fault, or each endpoint is a host and a port; and no word shows the
// password, be it in its own setting or before an @ in an endpoint.
func FuzzFromSettings(f *testing.F) {
	for _, endpoints := range []string{
		"", "https://10.0.0.1:2379", "http://a:1, http://b:2/", "https://[fd00::1]:2379,10.0.0.1:2379", "https://a:02379", "ftp://a:1",
		"https://root:hunter2secret@a:1", "root:hunter2secret@https://a:1", "root:hunter2secret://@a:1", "https://a:1?hunter2secret@b", "https://a%20b:1,\xff://\n", "https://a\x00:1/#",
	} {
		f.Add(endpoints, "", "", "")
		f.Add(endpoints, "example.org.", "root", "hunter3secret")
		f.Add(endpoints, "root:hunter4secret@example.org", "", "hunter3secret")
	}
	f.Fuzz(func(t *testing.T, endpoints, domain, user, password string) {
		requested := settings.DatastoreSettings{
			EtcdEndpoints: given(endpoints), EtcdDiscoverySRV: given(domain), EtcdUsername: given(user), EtcdPassword: given(password),
		}
		config, warnings, err := FromSettings(requested)
		said := strings.Join(warnings, "\n") + fmt.Sprint(requested, err) + fmt.Sprintf("%v %+v %#v", config, config, config)
		for _, secret := range secretsIn(endpoints, domain, password) {
			// What is a part of something that may be told proves nothing.
			if strings.Count(endpoints+"\n"+domain+"\n"+user+"\n"+password+"\n"+anythingSaid, secret) == 1 {
				require.NotContains(t, said, secret)
			}
		}
		if err != nil {
			lines(t, err)
			return
		}
		require.True(t, (endpoints == "") != (domain == ""))
		require.Equal(t, domain, config.DiscoverySRV)
		again, problems := normalise(config.Endpoints)
		require.Empty(t, problems)
		require.Equal(t, config.Endpoints, again)
		for _, endpoint := range config.Endpoints {
			withScheme := endpoint
			if !strings.Contains(endpoint, "://") {
				withScheme = "https://" + endpoint
			}
			parsed, err := url.Parse(withScheme)
			require.NoError(t, err)
			host, port, err := net.SplitHostPort(parsed.Host)
			require.NoError(t, err)
			require.True(t, host != "" && isPort(port))
			require.Empty(t, parsed.Path+parsed.RawQuery+parsed.Fragment)
			require.Nil(t, parsed.User)
		}
		_, err = Open(config)
		require.NoError(t, err)
	})
}

// anythingSaid is what messages say whatever the settings are.
const anythingSaid = "env X: must be URLs such as https://10.0.0.1:2379, separated by commas; ETCD_ENDPOINTS ETCD_PASSWORD ETCD_USERNAME ETCD_DISCOVERY_SRV " +
	"a user in a URL is not used; set the scheme must be http or https a password without contradicts an empty endpoint not a domain; example.org endpoints"

// secretsIn are the password, and what stands before an @ where a URL is wanted
// and is long enough to be known again.
func secretsIn(endpoints, domain, password string) []string {
	secrets := []string{password}
	for endpoint := range strings.SplitSeq(endpoints+","+domain, ",") {
		if before, _, found := strings.Cut(endpoint, "@"); found {
			_, after, _ := strings.Cut(before, ":")
			secrets = append(secrets, after)
		}
	}
	var long []string
	for _, secret := range secrets {
		if len(secret) >= 8 {
			long = append(long, secret)
		}
	}
	return long
}

// FuzzParseBlockKey reads the key of any block that Calico stores, and of no
// other text a block that has another key.
func FuzzParseBlockKey(f *testing.F) {
	for _, key := range []string{"10.244.0.0-26", "fd00:10:244::40-122", "10.244.0.0-026", "10.244.0.1-26", "::ffff:10.0.0.0-100", "fe80::%eth0-64", "10.0.0.0-", "-", "10.0.0.0-33"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		block, ok := parseBlockKey(key)
		if !ok {
			assert.Zero(t, block)
			return
		}
		// netip reads an address in any spelling, but writes it as Calico does.
		again, ok := parseBlockKey(fmt.Sprintf("%s-%d", block.Addr(), block.Bits()))
		require.True(t, ok)
		require.Equal(t, block, again)
		i := strings.LastIndexByte(key, '-')
		want, err := netip.ParseAddr(key[:i])
		require.NoError(t, err)
		require.Equal(t, want, block.Addr())
	})
}

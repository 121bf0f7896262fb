package text

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	for _, whole := range []string{"{{ x }}", "{{x}} ", "{% if x %}", "${X}", "$(POD_CIDR)", "__CIDR__", "__cidr__", "<cidr>", "<YOUR CIDR>", "<no value>", "{{ x }}/{{ y }}"} {
		assert.NotEmpty(t, Template(whole), whole)
		assert.True(t, IsTemplate(whole), whole)
	}
	for value, want := range map[string]string{
		"http://{{ host }}:2379": "{{ host }}", "{{ a }}:{{ b }}x": "{{ a }}", "http://<host>:2379": "<host>", "10.0.0.0/${BITS}": "${BITS}",
		"zone == '$(ZONE)'": "$(ZONE)", "$DIR/cert.pem": "$DIR", "http://__ETCD_HOST__:2379": "__ETCD_HOST__",
	} {
		assert.Equal(t, want, Template(value))
		assert.False(t, IsTemplate(value), "a secret may contain %s", value)
	}
	for _, none := range []string{
		"", "10.0.0.0/8", "fd00::/64", "has(a) && b not in {'c', \"d\"}", "http://10.0.0.1:2379", "/etc/__pycache__/x", "a_b__c", "a$1b", "C:\\$Recycle.Bin", "a < b > c", "{a}",
	} {
		assert.Empty(t, Template(none), none)
		assert.False(t, IsTemplate(none), none)
	}
}

func TestSeveral(t *testing.T) {
	t.Parallel()
	for _, several := range []string{
		"http://a:1;http://b:1", "http://a:1 http://b:1", "a:1|b:1", "http://a\nhttp://b", "http://a:1; b:2; ", "https://a,https://b", "https://a:1/, https://b:1/",
	} {
		assert.True(t, Several(several), several)
	}
	for _, one := range []string{"", "http://a:1", "http://a b:2379", "http://root:pw;x@h:2379", " http://a:1 ", "http://a:1;", "a;b"} {
		assert.False(t, Several(one), one)
	}
}

func TestWithoutZones(t *testing.T) {
	t.Parallel()
	assert.True(t, HasZone("http://[fe80::1%eth0]:2379"))
	assert.True(t, HasZone("http://[fe80::1%25eth0]:2379,http://[fd00::1]:2379"))
	for _, none := range []string{"", "http://[fd00::1]:2379", "http://a%41:1", "http://[root%40x]:1", "[1%1]"} {
		assert.False(t, HasZone(none), none)
	}
	assert.False(t, MayHavePassword("http://[fe80::1%eth0]:2379"))
	assert.Empty(t, Secret("http://[fe80::1%eth0]:2379"))
	for _, secret := range []string{"http://a@[fe80::1%eth0]:2379", "http://[fe80::1%eth0]:2379?a", "http://a%41", "http://[x%41]:1"} {
		assert.True(t, MayHavePassword(secret), secret)
		assert.NotEmpty(t, Secret(secret), secret)
	}
}

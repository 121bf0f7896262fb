package firewalld

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzReadRichRule checks that a rule in firewalld's form parses to its parts, and that
// any text parses without a panic.
func FuzzReadRichRule(f *testing.F) {
	f.Add(0, "ipv4", "10.0.0.0/8", true, "", "port", "179", "tcp", "dropped: ", "drop", uint8(3))
	f.Add(-7, "", "", false, "::/0", "service", "bgp", "", "", "accept", uint8(0))
	f.Add(32767, "ipv6", "0.0.0.0/0", false, "", "protocol", "4", "", "accept", "reject", uint8(4))
	f.Add(1, "x", "a=b", true, "c d", "masquerade", "", "", "", "", uint8(8))
	f.Fuzz(func(t *testing.T, priority int, family, source string, not bool, destination, element, value, protocol, prefix, action string, more uint8) {
		all := strings.Join([]string{family, source, destination, value, protocol, prefix}, " ")
		require.Contains(t, []string{"", "accept", "reject", "drop"}, readRichRule(all+element+action).action)
		if strings.ContainsAny(all, `"\`) || !utf8.ValidString(all) {
			t.Skip("firewalld can't read it again, or D-Bus can't carry it")
		}
		want := richRule{priority: priority}
		text := "rule"
		say := func(format string, args ...any) { text += fmt.Sprintf(format, args...) }
		if priority != 0 {
			say(` priority="%d"`, priority)
		}
		if want.family = family; family != "" {
			say(` family="%s"`, family)
		}
		switch {
		case source != "" && not: // the negation limits the rule, whatever the address
			say(` source NOT address="%s"`, source)
			want.inverted, want.limited = true, true
		case source != "":
			say(` source address="%s"`, source)
			want.source, want.limited = source, !everywhere(source)
		}
		if want.destination = destination; destination != "" {
			say(` destination address="%s"`, destination)
			want.limited = want.limited || !everywhere(destination)
		}
		switch element {
		case "port":
			say(` port port="%s" protocol="%s"`, value, protocol)
			want.port = Port{value, protocol}
		case "service":
			say(` service name="%s"`, value)
			want.service = value
		case "protocol":
			say(` protocol value="%s"`, value)
			want.protocol = value
		case "masquerade":
			say(" masquerade")
			want.other = true
		}
		if more&1 > 0 {
			say(` log prefix="%s" level="info"`, prefix)
			if more&2 > 0 {
				say(` limit value="3/m"`)
			}
		}
		switch action {
		case "accept", "drop":
			say(" %s", action)
			want.action = action
		case "reject":
			say(` reject type="icmp-host-prohibited"`)
			want.action = action
		}
		if want.action != "" && more&4 > 0 {
			say(` limit value="2/s"`)
			want.limited = true
		}
		want.text = text
		assert.Equal(t, want, readRichRule(text))
	})
}

// FuzzPreferred parses any table. For one in the kernel's form, it checks that the
// result is the default route with the lowest metric.
func FuzzPreferred(f *testing.F) {
	f.Add("eth0\t00000000\t010010AC\t0003\t0\t0\t100\t00000000\n", uint32(100), uint32(200), uint16(3))
	f.Add("00000000000000000000000000000000 00", uint32(0), uint32(0xffffffff), uint16(0x200))
	f.Add("", uint32(7), uint32(7), uint16(3))
	f.Add("\n", uint32(7), uint32(1), uint16(0x201))
	f.Fuzz(func(t *testing.T, text string, one, other uint32, flags uint16) {
		for _, name := range []string{
			preferred(strings.NewReader(text), readIPv4Route), preferred(strings.NewReader(text), readIPv6Route),
		} {
			assert.Contains(t, text, name)
		}
		const none = "00000000000000000000000000000000"
		want := "eth1"
		if flags&rejecting != 0 || one <= other { // the first of equal metrics
			want = "eth0"
		}
		ipv4 := fmt.Sprintf("Iface\nlo\t0000007F\t0\t0001\t0\t0\t0\t000000FF\t0\t0\t0\neth0\t00000000\t0\t0003\t0\t0\t%d\t00000000\t0\t0\t0\neth1\t00000000\t0\t%04X\t0\t0\t%d\t00000000\t0\t0\t0\n", one, flags, other)
		assert.Equal(t, want, preferred(strings.NewReader(ipv4), readIPv4Route))
		ipv6 := fmt.Sprintf("%s 00 %s 00 %s %08x 00000001 00000000 00000003     eth0\n%s 00 %s 00 %s %08x 00000001 00000000 %08x     eth1\n", none, none, none, one, none, none, none, other, flags)
		assert.Equal(t, want, preferred(strings.NewReader(ipv6), readIPv6Route))
	})
}

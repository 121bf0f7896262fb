package firewalld

import (
	"context"
	"fmt"
	"strings"
)

// directRules returns a warning if firewalld has direct rules, which are arguments of
// iptables. They take precedence over all other rules, and Check doesn't parse them.
func (f *Firewalld) directRules(ctx context.Context) ([]string, error) {
	const direct = ".direct"
	var kinds []string
	for _, kind := range []struct{ method, shown string }{
		{".getAllRules", "--get-all-rules"},
		{".getAllPassthroughs", "--get-all-passthroughs"},
	} {
		var now, later [][]any
		err := f.call(ctx, path, name+direct+kind.method).Store(&now)
		if err == nil {
			err = f.call(ctx, configPath, config+direct+kind.method).Store(&later)
		}
		if isBus(err, "UnknownMethod") { // a version without direct rules
			return nil, nil
		}
		if err != nil {
			return nil, explain(ctx, err, "querying firewalld for its direct rules")
		}
		if len(now)+len(later) > 0 {
			kinds = append(kinds, "firewall-cmd --direct "+kind.shown)
		}
	}
	if len(kinds) == 0 {
		return nil, nil
	}
	return []string{fmt.Sprintf("firewalld has direct rules, which take precedence over all others and are not checked; list them, with and without --permanent, with %s",
		strings.Join(kinds, " and "))}, nil
}

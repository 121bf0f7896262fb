package firewalld

import (
	"context"
	"fmt"
	"strings"
)

// directRules warns of rules that somebody gave firewalld as arguments of
// iptables. They come before all others, and nobody here reads them.
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
		if isBus(err, "UnknownMethod") { // no direct rules any more
			return nil, nil
		}
		if err != nil {
			return nil, explain(ctx, err, "asking firewalld for its direct rules")
		}
		if len(now)+len(later) > 0 {
			kinds = append(kinds, "firewall-cmd --direct "+kind.shown)
		}
	}
	if len(kinds) == 0 {
		return nil, nil
	}
	return []string{fmt.Sprintf("firewalld has direct rules, which come before all others and aren't judged here: they are shown, with and without --permanent, by %s",
		strings.Join(kinds, " and "))}, nil
}

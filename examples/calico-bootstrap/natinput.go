package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"unicode"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// offline reports whether files replace the datastore.
func (f natFlags) offline() bool {
	return f.poolsFile.Source.Kind() == origin.KindFlag || f.poolsFile.IsSet() || f.felixFile != "" || f.nodesFile != ""
}

// validate returns what the flags and arguments ask, and all their faults.
func (f natFlags) validate(args []string) (natQuestion, error) {
	var faults settings.Faults
	given := func(flag, value string) settings.Setting { return settings.Given(value, origin.Flag(flag)) }
	question := natQuestion{options: nat.Options{Node: f.node}, node: given("node", f.node)}
	var err error
	if f.poolsFile.Source.Kind() == origin.KindFlag && f.poolsFile.Value == "" {
		f.empty = append(f.empty, "pools-file")
	}
	for _, flag := range f.empty {
		faults.Add(given(flag, ""), "empty; must have a value, or be left out")
	}
	if question.options.Protocol, err = nat.ParseProtocol(f.protocol); err != nil {
		faults.Add(given("protocol", f.protocol), "unknown protocol; %s", reasonOf(err))
	}
	if question.dataplane, err = nat.ParseDataplane(f.dataplane); err != nil {
		faults.Add(given("dataplane", f.dataplane), "unknown dataplane; %s", reasonOf(err))
	}
	if question.expect, err = parseExpectation(f.expect); err != nil {
		faults.Add(given("expect", f.expect), "%s", err)
	}
	for _, file := range []settings.Setting{given("felix-file", f.felixFile), given("nodes-file", f.nodesFile)} {
		if file.IsSet() && !f.poolsFile.IsSet() {
			faults.Add(file, "used only with --pools-file: with a file, no datastore is contacted; set it as well")
		}
	}
	for _, file := range []settings.Setting{f.poolsFile, given("felix-file", f.felixFile), given("nodes-file", f.nodesFile)} {
		if file.Value == "-" {
			faults.Add(file, "stdin is read by -f only; must be the path of a file")
		}
	}
	switch {
	case len(args) == 2 && f.file != "":
		faults.Add(given("file", f.file), "contradicts the arguments SOURCE DESTINATION; set only one of the two")
	case len(args) == 2:
		pair := newPair(origin.Caller("argument SOURCE"), origin.Caller("argument DESTINATION"), args[0], args[1], &faults)
		question.pairs = []natPair{pair}
	case f.file == "":
		for _, flag := range []settings.Setting{given("expect", f.expect), given("protocol", f.protocol)} {
			if flag.IsSet() {
				faults.Add(flag, "used only with SOURCE and DESTINATION, or with -f; set them as well")
			}
		}
	}
	return question, faults.Err()
}

func parseExpectation(word string) (expectation, error) {
	switch expected := expectation(strings.ToLower(word)); expected {
	case "", expectMasqueraded, expectNotMasqueraded:
		return expected, nil
	default:
		return "", fmt.Errorf("unknown expectation; must be %s or %s", expectMasqueraded, expectNotMasqueraded)
	}
}

// newPair parses the addresses of a pair and adds their faults.
func newPair(from, to origin.Origin, source, destination string, faults *settings.Faults) natPair {
	pair := natPair{from: settings.Given(source, from), to: settings.Given(destination, to)}
	var ofSource, ofDestination string
	pair.source, ofSource = parseHost(source)
	pair.destination, ofDestination = parseHost(destination)
	if ofSource != "" {
		faults.Add(pair.from, "%s", ofSource)
	}
	if ofDestination != "" {
		faults.Add(pair.to, "%s", ofDestination)
	}
	if ofSource+ofDestination == "" && pair.source.Is4() != pair.destination.Is4() {
		faults.Add(pair.to, "must be an address of the source's family, %s, as %s is", familyOf(pair.source), pair.source)
	}
	return pair
}

func familyOf(addr netip.Addr) ippool.Family {
	return ippool.FamilyOf(netip.PrefixFrom(addr, addr.BitLen()))
}

// parseHost parses an address, and returns what is invalid about any other text.
func parseHost(value string) (addr netip.Addr, problem string) {
	const must = "must be an IP address such as 10.244.0.7 or fd00:10:244::7"
	addr, err := netip.ParseAddr(value)
	_, cidrErr := netip.ParsePrefix(value)
	port, portErr := netip.ParseAddrPort(value)
	inner, bracketErr := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(value, "["), "]"))
	switch {
	case err == nil && addr.Is4In6():
		return addr, "an IPv4 address in IPv6; must be written as " + addr.Unmap().WithZone("").String()
	case err == nil && addr.Zone() != "":
		return addr, "has a zone; must be written as " + addr.WithZone("").String()
	case err == nil && notRouted(addr) != "":
		return addr, notRouted(addr) + ", which no node forwards; " + must
	case err == nil:
		return addr, ""
	case value == "":
		return addr, "empty; " + must
	case cidrErr == nil:
		return addr, "a CIDR; must be one address in it"
	case portErr == nil:
		return addr, "has a port; must be the address alone: " + port.Addr().String()
	case bracketErr == nil:
		return addr, "has brackets; must be written as " + inner.String()
	case strings.Contains(value, "://"):
		return addr, "a URL; " + must
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsLetter(r) }) && !strings.ContainsAny(value, ": /"):
		return addr, "a host name, which is not resolved; " + must
	default:
		return addr, "not an address; " + must
	}
}

// notRouted returns what an address is that never leaves its host or its link; empty for others.
func notRouted(addr netip.Addr) string {
	switch {
	case addr.IsUnspecified():
		return "the unspecified address"
	case addr.IsLoopback():
		return "a loopback address"
	case addr.IsLinkLocalUnicast():
		return "a link-local address"
	case addr.IsMulticast():
		return "a multicast address"
	case addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "the limited broadcast address"
	default:
		return ""
	}
}

const (
	maxPairsFile = 8 << 20
	maxPairs     = 100_000
	wantPairs    = "lines of SOURCE DESTINATION [masqueraded|not-masqueraded]"
)

// readPairs reads the pairs of a file, until ctx ends.
func readPairs(ctx context.Context, file string, stdin io.Reader) ([]natPair, error) {
	data, err := readFileOf(ctx, "file", file, stdin, maxPairsFile, wantPairs)
	if err != nil {
		return nil, err
	}
	name := file
	if file == "-" {
		name = "stdin"
	}
	var (
		pairs  []natPair
		faults settings.Faults
	)
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#")
		fields := strings.Fields(line)
		at := origin.Line(name, number)
		switch {
		case len(fields) == 0:
			continue
		case len(fields) == 1 || len(fields) > 3:
			faults.Add(settings.Given(strings.Join(fields, " "), at), "must be SOURCE DESTINATION [masqueraded|not-masqueraded]")
			continue
		}
		pair := newPair(at, at, fields[0], fields[1], &faults)
		if len(fields) == 3 {
			if pair.expect, err = parseExpectation(fields[2]); err != nil {
				faults.Add(settings.Given(fields[2], at), "%s", err)
			}
		}
		if pairs = append(pairs, pair); len(pairs) > maxPairs {
			faults.Add(settings.Given(file, origin.Flag("file")), "more than %d pairs", maxPairs)
			break
		}
	}
	if len(pairs) == 0 && len(faults) == 0 {
		faults.Add(settings.Given(file, origin.Flag("file")), "has no pairs; must be %s", wantPairs)
	}
	return pairs, faults.Err()
}

// readFileOf reads a file that a flag names, until ctx ends. If stdin is not nil, - names it.
func readFileOf(ctx context.Context, flag, file string, stdin io.Reader, limit int64, want string) ([]byte, error) {
	type read struct {
		data []byte
		err  error
	}
	from, ok := await.Result(ctx, func() (r read) {
		r.data, r.err = readInput(file, stdin, limit)
		return r
	})
	var faults settings.Faults
	switch {
	case !ok:
		return nil, ended(ctx, "reading the file of flag --"+flag)
	case from.err != nil:
		faults.Add(settings.Given(file, origin.Flag(flag)), "%s", text.Unreadable(from.err, want))
	}
	return from.data, faults.Err()
}

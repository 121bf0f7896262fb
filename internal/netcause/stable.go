package netcause

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// Stable returns the text of an error without the parts that vary although the
// cause is the same: local ports and the numbers of HTTP/2 streams. It also omits
// the method and the URL of a request, and the dialed address, which the caller's
// message already has.
func Stable(err error) string { return varying().ReplaceAllString(text(err), "$1$2") }

// varying matches the parts to omit from errors that are only text in others, such
// as "read tcp A->B: i/o timeout".
var varying = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(dial|read|write) \w+ \S*->\S+(: )|stream ID \d+; |LastStreamID=\d+, `)
})

func text(err error) string {
	var (
		joined  interface{ Unwrap() []error }
		request *url.Error
		dns     *net.DNSError
		op      *net.OpError
	)
	switch {
	case errors.As(err, &joined):
		var texts []string
		for _, one := range joined.Unwrap() {
			texts = append(texts, text(one))
		}
		return strings.Join(texts, "; ")
	case errors.As(err, &request):
		return text(request.Err)
	case errors.As(err, &dns):
		// The text begins with the addresses: "read udp A->B: i/o timeout".
		cause := dns.Err
		if i := strings.LastIndex(cause, ": "); i >= 0 {
			cause = cause[i+2:]
		}
		return fmt.Sprintf("lookup %s: %s", dns.Name, cause)
	case errors.As(err, &op):
		return fmt.Sprintf("%s: %v", op.Op, op.Err)
	default:
		return err.Error()
	}
}

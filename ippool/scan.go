package ippool

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// scanPool decodes a pool without reflection if the text is the JSON object that Calico
// and the API server write: the fields of a pool by their exact names, each at most once,
// of their types, and none of the rare ones. Of any other text it reports false:
// encoding/json decodes what it can, and reports what is malformed. The strings of the
// pool are parts of the text.
func scanPool(text string, pool *v3.IPPool) bool {
	s := scanner{text: text, valid: true}
	s.object(func(name string) int {
		switch name {
		case "kind":
			pool.Kind = s.string()
			return 0
		case "apiVersion":
			pool.APIVersion = s.string()
			return 1
		case "metadata":
			s.metadata(pool)
			return 2
		case "spec":
			s.spec(&pool.Spec)
			return 3
		}
		return unknownMember
	})
	s.space()
	return s.valid && s.at == len(s.text)
}

func (s *scanner) metadata(pool *v3.IPPool) {
	s.object(func(name string) int {
		switch name {
		case "name":
			pool.Name = s.string()
			return 0
		case "uid":
			pool.UID = types.UID(s.string())
			return 1
		case "resourceVersion":
			pool.ResourceVersion = s.string()
			return 2
		case "creationTimestamp":
			pool.CreationTimestamp = s.time()
			return 3
		case "generation":
			pool.Generation = s.integer()
			return 4
		case "labels":
			pool.Labels = s.texts()
			return 5
		case "annotations":
			pool.Annotations = s.texts()
			return 6
		}
		return unknownMember
	})
}

func (s *scanner) spec(spec *v3.IPPoolSpec) {
	s.object(func(name string) int {
		switch name {
		case "cidr":
			spec.CIDR = s.string()
			return 0
		case "vxlanMode":
			spec.VXLANMode = v3.VXLANMode(s.string())
			return 1
		case "ipipMode":
			spec.IPIPMode = v3.IPIPMode(s.string())
			return 2
		case "natOutgoing":
			spec.NATOutgoing = s.boolean()
			return 3
		case "disabled":
			spec.Disabled = s.boolean()
			return 4
		case "disableBGPExport":
			spec.DisableBGPExport = s.boolean()
			return 5
		case "blockSize":
			spec.BlockSize = int(s.integer())
			return 6
		case "nodeSelector":
			spec.NodeSelector = s.string()
			return 7
		case "namespaceSelector":
			spec.NamespaceSelector = s.string()
			return 8
		case "allowedUses":
			spec.AllowedUses = s.uses()
			return 9
		case "assignmentMode":
			mode := v3.AssignmentMode(s.string())
			spec.AssignmentMode = &mode
			return 10
		}
		return unknownMember
	})
}

// unknownMember is the number of a member that the scanner does not decode.
const unknownMember = -1

// scanner reads JSON. Once it finds something else than what it reads, it is invalid, and
// its results must not be used.
type scanner struct {
	text  string
	at    int // the place of the next byte: no pointer, which the garbage collector tracks
	valid bool
}

// object reads an object. member reads the value of the member of that name, and returns
// its number, from 0 to 31.
func (s *scanner) object(member func(name string) int) {
	s.token('{')
	var seen uint32
	for first := true; s.valid && !s.next('}'); first = false {
		if !first {
			s.token(',')
		}
		name := s.string()
		s.token(':')
		number := unknownMember
		if s.valid {
			number = member(name)
		}
		if number == unknownMember || seen&(1<<number) != 0 {
			s.valid = false
			return
		}
		seen |= 1 << number
	}
}

// texts reads an object of strings.
func (s *scanner) texts() map[string]string {
	all := map[string]string{}
	s.token('{')
	for first := true; s.valid && !s.next('}'); first = false {
		if !first {
			s.token(',')
		}
		name := s.string()
		s.token(':')
		all[name] = s.string()
	}
	return all
}

func (s *scanner) uses() []v3.IPPoolAllowedUse {
	uses := make([]v3.IPPoolAllowedUse, 0, 2)
	s.token('[')
	for s.valid && !s.next(']') {
		if len(uses) > 0 {
			s.token(',')
		}
		uses = append(uses, v3.IPPoolAllowedUse(s.string()))
	}
	return uses
}

// string reads a string. encoding/json decodes one with escapes, or with bytes that are
// not ASCII.
func (s *scanner) string() string {
	s.token('"')
	plain := true
	for i := s.at; i < len(s.text) && s.valid; i++ {
		switch c := s.text[i]; {
		case c == '"':
			value := s.text[s.at:i]
			if !plain {
				value = s.unquote(s.text[s.at-1 : i+1])
			}
			s.at = i + 1
			return value
		case c == '\\':
			plain = false
			i++ // the next byte is escaped
		case c < ' ' || c >= utf8.RuneSelf:
			plain = false
		}
	}
	s.valid = false
	return ""
}

func (s *scanner) unquote(quoted string) (value string) {
	s.valid = json.Unmarshal([]byte(quoted), &value) == nil
	return value
}

// time reads a time as metav1.Time does, also null, which older encoders write for a pool
// without one.
func (s *scanner) time() metav1.Time {
	s.space()
	if strings.HasPrefix(s.text[s.at:], "null") {
		s.at += len("null")
		return metav1.Time{}
	}
	parsed, err := time.Parse(time.RFC3339, s.string())
	s.valid = s.valid && err == nil
	return metav1.Time{Time: parsed.Local()}
}

func (s *scanner) boolean() bool {
	s.space()
	for _, value := range []string{"true", "false"} {
		if strings.HasPrefix(s.text[s.at:], value) {
			s.at += len(value)
			return value == "true"
		}
	}
	s.valid = false
	return false
}

// integer reads an integer of up to nine digits.
func (s *scanner) integer() int64 {
	s.space()
	from := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++ // a fraction or an exponent is no token that may follow
	}
	digits := s.text[from:s.at]
	value, err := strconv.ParseInt(digits, 10, 64)
	s.valid = s.valid && err == nil && len(digits) <= 9 && (digits[0] != '0' || len(digits) == 1)
	return value
}

// token reads a token of one byte.
func (s *scanner) token(c byte) { s.valid = s.next(c) && s.valid }

// next reads a token of one byte if it is the next one.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

// space skips white space. Calico and the API server write none.
func (s *scanner) space() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

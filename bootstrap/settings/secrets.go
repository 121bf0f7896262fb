package settings

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Hides reports whether a value of the setting must not be shown: a secret, or what does
// not look like a value of the setting and so may be a secret in the wrong place, such as
// the content of a file in place of its name, a token, or a URL with a password.
func (d Definition) Hides(value string) bool {
	switch {
	case isOnlyQuotes(value):
		return false
	case d.Secret:
		return true
	case d.URL && text.MayHavePassword(value), d.number && !text.IsNumber(value):
		return true
	default:
		return text.Secret(value) != ""
	}
}

// hides is Hides for a setting, which its origin identifies. A setting with another origin
// has only what all of them have.
func hides(setting Setting) bool {
	d, found := definitionFor(setting)
	if !found {
		return text.Secret(setting.Value) != ""
	}
	return setting.IsSet() && d.Hides(setting.Value)
}

// definitionFor returns the definition of a setting that its origin identifies.
func definitionFor(setting Setting) (Definition, bool) {
	name := setting.Source.Name()
	i := slices.IndexFunc(definitions(), func(d Definition) bool {
		switch setting.Source.Kind() {
		case origin.KindFlag:
			return d.Flag == name
		case origin.KindEnv:
			return slices.Contains(d.Variables(), name)
		default:
			return false
		}
	})
	if i < 0 {
		return Definition{}, false
	}
	return definitions()[i], true
}

// String returns the origin and the value, without a secret.
func (s Setting) String() string {
	return strings.TrimPrefix(s.Source.String()+" "+s.shown(), " ")
}

// shown returns the value in quotes, or *** if it must not be shown.
func (s Setting) shown() string {
	if hides(s) {
		return text.Hidden
	}
	return text.Quote(s.Value)
}

// Format prints String for every verb.
func (s Setting) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// MarshalJSON encodes the value, *** if it must not be shown, and the origin.
func (s Setting) MarshalJSON() ([]byte, error) {
	if hides(s) {
		s.Value = text.Hidden
	}
	return json.Marshal(struct {
		Value  string
		Source origin.Origin
	}(s))
}

// String returns the datastore settings that are set, by their identities, without
// secrets.
func (d DatastoreSettings) String() string {
	settings := Settings{Datastore: d}
	var set []string
	for _, definition := range datastoreDefinitions {
		switch setting := definition.Of(&settings); {
		case !setting.IsSet():
		case definition.Hides(setting.Value):
			set = append(set, string(definition.ID)+"=***")
		default:
			set = append(set, string(definition.ID)+"="+text.Quote(setting.Value))
		}
	}
	for _, inline := range []Setting{d.EtcdCACert, d.EtcdCert, d.EtcdKey, d.KubeconfigInline} {
		if inline.IsSet() {
			set = append(set, inline.Source.String()+"=***")
		}
	}
	return "{" + strings.Join(set, " ") + "}"
}

// Format prints String for every verb, so that printing a struct that contains the
// settings never shows a secret.
func (d DatastoreSettings) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, d.String()) }

// LogValue returns String, so that logging never shows a secret.
func (d DatastoreSettings) LogValue() slog.Value { return slog.StringValue(d.String()) }

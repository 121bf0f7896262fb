package settings

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Hides reports whether a value of the setting must not be shown: a secret, a URL that
// may contain a password or a token, or a text of several lines in place of a file
// name, which is probably the content of the file.
func (d Definition) Hides(value string) bool {
	switch {
	case d.Secret:
		return true
	case d.URL, strings.Contains(value, "://"):
		return strings.ContainsAny(value, "@%?#")
	default:
		return d.Prefixed && strings.ContainsAny(value, "\r\n")
	}
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

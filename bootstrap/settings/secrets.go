package settings

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Hides reports whether a value of the setting must not be shown: that of a
// secret, a URL with what may be a password or a token in it, and a text of
// several lines in place of a file's name, which is probably the file.
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

// String returns the datastore settings that are set, by their identities and without
// the secrets.
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

// Format prints String for every verb, so that no print of settings, of
// whatever they are part of, shows a secret.
func (d DatastoreSettings) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, d.String()) }

// LogValue logs String.
func (d DatastoreSettings) LogValue() slog.Value { return slog.StringValue(d.String()) }

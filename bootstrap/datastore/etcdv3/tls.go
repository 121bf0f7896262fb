package etcdv3

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// readTLS returns the TLS config, or nil if no TLS setting is set.
func readTLS(given settings.DatastoreSettings, faults *settings.Faults) *tls.Config {
	files := []settings.Setting{given.EtcdCACertFile, given.EtcdCertFile, given.EtcdKeyFile}
	inline := []settings.Setting{given.EtcdCACert, given.EtcdCert, given.EtcdKey}
	firstSet := func(all []settings.Setting) int { return slices.IndexFunc(all, settings.Setting.IsSet) }
	file, content := firstSet(files), firstSet(inline)
	if file < 0 && content < 0 {
		return nil
	}
	if file >= 0 && content >= 0 {
		faults.AddSecret(inline[content], "contradicts %s; set files or inline texts, not both", files[file].Source)
		return nil
	}
	read := func(setting settings.Setting) pemText { return readPEM(setting, content >= 0, faults) }
	ca, cert, key := read(firstOf(files[0], inline[0])), read(firstOf(files[1], inline[1])), read(firstOf(files[2], inline[2]))

	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca.data != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca.data) {
			ca.fault(faults, "must be PEM with a certificate")
		}
	}
	if block, _ := pem.Decode(cert.data); cert.data != nil && block == nil {
		cert.fault(faults, "must be PEM with a certificate")
		cert.data = nil
	}
	switch {
	case slices.ContainsFunc(slices.Concat(files[1:], inline[1:]), settings.Setting.Unreadable): // the file's error says so
	case cert.setting.IsSet() && !key.setting.IsSet():
		cert.fault(faults, "a client certificate without its key; set %s as well", given.Names.Of(origin.SettingEtcdKeyFile))
	case key.setting.IsSet() && !cert.setting.IsSet():
		key.fault(faults, "a key without its client certificate; set %s as well", given.Names.Of(origin.SettingEtcdCertFile))
	case cert.data != nil && key.data != nil:
		pair, err := tls.X509KeyPair(cert.data, key.data)
		if err != nil {
			cert.fault(faults, "does not match the key of %s: %v", key.setting.Source, err)
			break
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

func firstOf(a, b settings.Setting) settings.Setting {
	if a.IsSet() {
		return a
	}
	return b
}

// pemText is a PEM text and its setting.
type pemText struct {
	setting settings.Setting
	inline  bool
	data    []byte // nil: unset or not readable
}

func readPEM(setting settings.Setting, inline bool, faults *settings.Faults) pemText {
	p := pemText{setting: setting, inline: inline}
	switch {
	case !setting.IsSet():
	case inline:
		p.data = []byte(setting.Value)
	default:
		data, err := files.Read(setting.Value, files.MaxConfig)
		if err != nil {
			faults.Add(setting, "%s", text.Unreadable(err, "a PEM file"))
			return p
		}
		p.data = data
	}
	return p
}

// fault adds a fault of the setting. It doesn't show inline text, which may be a key.
func (p pemText) fault(faults *settings.Faults, format string, args ...any) {
	if p.inline {
		faults.AddSecret(p.setting, format, args...)
		return
	}
	faults.Add(p.setting, format, args...)
}

package settings

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings/internal/apiconfig"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

// FromFile returns the datastore settings of a CalicoAPIConfig file, YAML or JSON, of at most
// 1 MiB. Unknown and misplaced fields are errors, and so is a file that selects no
// datastore: its datastore would be that of another place. The error is an *Error with all
// faults of the file; their Source has its path and the line. With an error, FromFile
// returns the settings that could be read, for the caller to validate them as well.
func FromFile(path string) (Settings, error) { return fromFile(path, &Settings{}) }

// fromFile is FromFile with other settings, which may select the datastore, and which have
// the names of settings for messages.
func fromFile(path string, others *Settings) (Settings, error) {
	data, err := files.Read(path, files.MaxConfig)
	if err != nil {
		var faults Faults
		faults.Add(Setting{Source: origin.File(path)}, "%s", text.Unreadable(err, "a CalicoAPIConfig file"))
		return Settings{}, faults.Err()
	}
	return readConfig(path, data, others)
}

func readConfig(path string, data []byte, others *Settings) (Settings, error) {
	var faults Faults
	config := apiconfig.Decode(data)
	if problem := otherFile(config.Other, others.Names()); problem != "" {
		faults.Add(Setting{Source: origin.Line(path, config.Line)}, "%s", problem)
	}
	for _, fault := range config.Faults {
		faults.addInFile(path, fileFault(fault))
	}
	if fault, is := config.Unselected(); is && !others.Datastore.IsSelected() {
		faults.addInFile(path, fileFault(fault))
	}
	var settings Settings
	for name, value := range config.Values {
		if setting := settings.Datastore.field(name); setting != nil {
			*setting = Given(value.Text, origin.File(origin.Line(path, value.Line).Name()+" "+value.Path))
		}
	}
	return settings, faults.Err()
}

func fileFault(fault yamlnode.Fault) manifest.Fault {
	return manifest.Fault{Line: fault.Line, Path: fault.Path, Value: fault.Value, Problem: fault.Problem}
}

// otherFile returns the problem of another kind of file in the place of a CalicoAPIConfig;
// empty if it is none.
func otherFile(other apiconfig.Other, names origin.Names) string {
	switch other {
	case apiconfig.Kubeconfig:
		return "a kubeconfig; must be a CalicoAPIConfig: give this file as " + names.Of(origin.SettingKubeconfig) + " instead"
	case apiconfig.Pools:
		return "IPPools; must be a CalicoAPIConfig: give this file as " + names.Of(origin.SettingPoolsFile) + " instead"
	case apiconfig.Environment:
		return "an environment file; must be a CalicoAPIConfig: export these variables instead"
	}
	return ""
}

// field returns the setting of a field of a CalicoAPIConfig's spec; nil for one that is for
// other parts of Calico.
func (d *DatastoreSettings) field(name string) *Setting {
	switch name {
	case "datastoreType":
		return &d.DatastoreType
	case "etcdEndpoints":
		return &d.EtcdEndpoints
	case "etcdDiscoverySrv":
		return &d.EtcdDiscoverySRV
	case "etcdUsername":
		return &d.EtcdUsername
	case "etcdPassword":
		return &d.EtcdPassword
	case "etcdCACertFile":
		return &d.EtcdCACertFile
	case "etcdCertFile":
		return &d.EtcdCertFile
	case "etcdKeyFile":
		return &d.EtcdKeyFile
	case "etcdCACert":
		return &d.EtcdCACert
	case "etcdCert":
		return &d.EtcdCert
	case "etcdKey":
		return &d.EtcdKey
	case "kubeconfig":
		return &d.Kubeconfig
	case "kubeconfigInline":
		return &d.KubeconfigInline
	case "k8sAPIEndpoint":
		return &d.K8sAPIEndpoint
	case "k8sCAFile":
		return &d.K8sCAFile
	case "k8sCertFile":
		return &d.K8sCertFile
	case "k8sKeyFile":
		return &d.K8sKeyFile
	case "k8sAPIToken":
		return &d.K8sAPIToken
	case "k8sInsecureSkipTLSVerify":
		return &d.K8sInsecureSkipTLSVerify
	case "k8sCurrentContext":
		return &d.K8sCurrentContext
	case "k8sClientQPS":
		return &d.K8sClientQPS
	case "k8sClientBurst":
		return &d.K8sClientBurst
	case "calicoAPIGroup":
		return &d.CalicoAPIGroup
	}
	return nil
}

// Load merges flags, the config file and environment variables, in this order of
// precedence, reads the resulting PoolsFile, and returns the settings with warnings. An
// empty configFile means none.
//
// As with calicoctl, a config file replaces all datastore variables; Load warns of each
// that is set. The file, or a flag, must select the datastore. A flag that selects another
// one than the file is an error; other flags for the datastore replace the fields of the
// file, with a warning. ~/.kube/config is not used beside a file. Messages then name fields
// of the file in place of flags and variables.
//
// With an error, Load returns the settings that could be read, so that the caller can
// validate them too and report all faults at once.
func Load(flags Settings, configFile string) (Settings, []string, error) {
	environment, err := FromEnv()
	if err != nil {
		return Settings{}, nil, err
	}
	return LoadFrom(flags, configFile, environment)
}

// LoadFrom is [Load] with variables that [FromEnv] has read before.
func LoadFrom(flags Settings, configFile string, environment Settings) (Settings, []string, error) {
	if configFile == "" {
		settings := Merge(flags, environment)
		return settings, nil, settings.ReadPoolsFile()
	}
	var faults Faults
	file, err := fromFile(configFile, &flags)
	faults.gather(err)
	var warnings []string
	for _, d := range definitions() {
		if setting := d.Of(&environment); d.Prefixed && setting.IsSet() {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: %s configures the datastore",
				setting.Source, origin.File(configFile).String()))
		}
	}
	warnings = append(warnings, file.replaceBy(&flags, &faults)...)
	pod := environment.Datastore.Ambient
	pod.HomeKubeconfig, pod.Similar = Setting{}, nil
	environment.Datastore = DatastoreSettings{Ambient: pod, Names: environment.Names()}
	settings := Merge(flags, file, environment)
	settings.Datastore.Names = namesIn(configFile, settings.Names())
	faults.gather(settings.ReadPoolsFile())
	return settings, warnings, faults.Err()
}

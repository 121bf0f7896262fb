package origin

import "fmt"

// Setting identifies a setting, whatever its origin, by the path of a field, such as
// "ipv4.pool.cidr" or "onDrift". The zero Setting is no setting. Messages name a
// setting as [Names] returns it.
type Setting string

// The settings that do not belong to a pool; [PoolSetting] has those that do.
const (
	SettingNoDefaultPools   Setting = "noDefaultPools"
	SettingIPv6Support      Setting = "ipv6Support"
	SettingPoolsFile        Setting = "poolsFile"
	SettingClusterCIDR      Setting = "clusterCIDR"
	SettingServiceCIDR      Setting = "serviceCIDR"
	SettingBackend          Setting = "networkingBackend"
	SettingNoNATTo          Setting = "noNATTo"
	SettingOnDrift          Setting = "onDrift"
	SettingPreflight        Setting = "preflight"
	SettingAllow            Setting = "allow"
	SettingStrict           Setting = "strict"
	SettingWaitForDatastore Setting = "waitForDatastore"
	SettingTimeout          Setting = "timeout"
	SettingLogLevel         Setting = "logLevel"
	SettingLogFormat        Setting = "logFormat"

	// SettingConfigFile is the CalicoAPIConfig file, which programs read with
	// settings.Load. It has no definition: its name is that of the program.
	SettingConfigFile     Setting = "configFile"
	SettingDatastoreType  Setting = "datastoreType"
	SettingCalicoAPIGroup Setting = "calicoAPIGroup"

	SettingEtcdEndpoints    Setting = "etcd.endpoints"
	SettingEtcdDiscoverySRV Setting = "etcd.discoverySRV"
	SettingEtcdUsername     Setting = "etcd.username"
	SettingEtcdPassword     Setting = "etcd.password"
	SettingEtcdCACertFile   Setting = "etcd.caCertFile"
	SettingEtcdCertFile     Setting = "etcd.certFile"
	SettingEtcdKeyFile      Setting = "etcd.keyFile"

	SettingKubeconfig            Setting = "kubernetes.kubeconfig"
	SettingAPIEndpoint           Setting = "kubernetes.apiEndpoint"
	SettingAPIToken              Setting = "kubernetes.apiToken"
	SettingCAFile                Setting = "kubernetes.caFile"
	SettingCertFile              Setting = "kubernetes.certFile"
	SettingKeyFile               Setting = "kubernetes.keyFile"
	SettingInsecureSkipTLSVerify Setting = "kubernetes.insecureSkipTLSVerify"
	SettingCurrentContext        Setting = "kubernetes.currentContext"
	SettingClientQPS             Setting = "kubernetes.clientQPS"
	SettingClientBurst           Setting = "kubernetes.clientBurst"
)

// PoolSetting identifies a setting of the default pool of a family, 4 or 6. The field
// is "name" or that of an IPPool's spec: "cidr", "natOutgoing".
func PoolSetting[Family ~int](family Family, field string) Setting {
	return Setting(fmt.Sprintf("ipv%d.pool.%s", family, field))
}

// Names returns the name of a setting in the process, such as a flag or a variable.
// Messages use it to name the setting to change. Nil returns the identity of each
// setting. A Names must be safe for concurrent use.
type Names func(Setting) string

// Of returns the name of the setting. It may be called on nil.
func (n Names) Of(setting Setting) string {
	if n == nil {
		return string(setting)
	}
	return n(setting)
}

// With returns the setting with a value as a message suggests it: the name, an equals
// sign and the value, as in "onDrift=update". It may be called on nil.
func (n Names) With(setting Setting, value string) string { return n.Of(setting) + "=" + value }

package integration

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
)

const chart = "../../examples/helm/calico-bootstrap"

// withImage sets the only values of the chart that are required.
var withImage = []string{"--set", "image.repository=registry.example.com/calico-bootstrap,image.tag=v1"}

// helmCommand prepares helm with a home of its own.
func helmCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := kubetest.Helm(t.Context())
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	return cmd
}

// rendered returns the objects of the chart, and the error of helm.
func rendered(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return renderedFrom(t, chart, args...)
}

func renderedFrom(t *testing.T, folder string, args ...string) (string, error) {
	t.Helper()
	cmd := helmCommand(t, append([]string{"template", "pools", folder, "--namespace", "network"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, &stderr)
	}
	return stdout.String(), nil
}

// chartValues returns the files with values that the chart is tried with.
func chartValues(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(chart + "/ci/*-values.yaml")
	require.NoError(t, err)
	require.Len(t, files, 6)
	return files
}

func TestHelmLint(t *testing.T) {
	t.Parallel()
	for _, values := range append(chartValues(t), chart+"/values.yaml") {
		out, err := helmCommand(t, "lint", "--strict", chart, "--values", values).CombinedOutput()
		require.NoError(t, err, "%s: %s", values, out)
		assert.Contains(t, string(out), "1 chart(s) linted, 0 chart(s) failed")
		assert.NotContains(t, string(out), "[WARNING]")
	}
}

// TestHelmREADME compares the chart's README with what helm-docs writes.
func TestHelmREADME(t *testing.T) {
	t.Parallel()
	binary, err := kubetest.HelmDocs(t.Context())
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, "--chart-search-root", chart, "--sort-values-order", "file", "--dry-run", "--log-level", "warning")
	cmd.Env = []string{"HOME=" + t.TempDir()}
	out, err := cmd.Output()
	require.NoError(t, err)
	text := strings.TrimRight(string(out), "\n") + "\n"
	for line := range strings.Lines(text) {
		assert.NotRegexp(t, `^\|.*\|  \|$`, line, "helm-docs found no description")
	}
	if *update {
		require.NoError(t, os.WriteFile(chart+"/README.md", []byte(text), 0o644))
		return
	}
	content, err := os.ReadFile(chart + "/README.md")
	require.NoError(t, err)
	assert.Equal(t, text, string(content))
}

// TestHelmValuesAreChecked makes typos and other mistakes in the values.
func TestHelmValuesAreChecked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values string // of --set
		want   string // in the error
	}{
		{"setings.ipv4PoolCidr=10.244.0.0/16", "additional properties 'setings' not allowed"},
		{"settings.ipv4PoolCIDR=10.244.0.0/16", "additional properties 'ipv4PoolCIDR' not allowed"},
		{"settings.poolsFile=/pools.yaml", "additional properties 'poolsFile' not allowed"},
		{"settings.onDrift=updat", "value must be one of '', 'report', 'update', 'fail'"},
		{"settings.ipv4PoolIpip=Sometimes", "value must be one of"},
		{"settings.ipv4PoolNatOutgoing=yse", "value must be one of true, false, ''"},
		{"settings.calicoApiGroup=projectcalico.org/v1", "value must be one of"},
		{"settings.etcdPassword=secret", "got string, want object"},
		{"settings.etcdPassword.name=etcd", "missing property 'key'"},
		{"settings.noNatTo.a=b", "got object, want"},
		{"settings=none", "got string, want object"},
		{"image.repo=calico-bootstrap", "additional properties 'repo' not allowed"},
		{"image.digest=e3b0c442", "does not match pattern"},
		{"image.pullPolicy=always", "value must be one of 'Always', 'IfNotPresent', 'Never'"},
		{"hook.enable=true", "additional properties 'enable' not allowed"},
		{"hook.jobDeletePolicy=hook-suceeded", "does not match pattern"},
		{"job.backoffLimit=-1", "minimum: got -1, want 0"},
		{"settings.noDefaultPools=ture", "value must be one of true, false, ''"},
		{"settings.ipv4PoolCidr=10.244.0.0", "does not match pattern"},
		{"settings.ipv4PoolCidr=fd00::/64", "does not match pattern"},
		{"settings.ipv6PoolCidr=10.244.0.0/16", "does not match pattern"},
		{"settings.noNatTo={172.16.0.0/12,10.0.0.1}", "'10.0.0.1' does not match pattern"},
		{`settings.serviceCidr=10.96.0.0/12\,10`, "does not match pattern"},
		{"settings.ipv4PoolName=Default", "does not match pattern"},
		{"settings.ipv4PoolBlockSize=33", "maximum: got 33, want 32"},
		{"settings.ipv6PoolBlockSize=26", "minimum: got 26, want 116"},
		{"settings.timeout=300", "settings.timeout: 300 has no unit: must be a duration such as 300s, or 0: no limit"},
		{"settings.timeout=-1", "minimum: got -1, want 0"},
		{"settings.timeout=9999999999h", "settings.timeout: 9999999999h: must be a duration such as 4m"},
		{"settings.timeout=2562047h2562047h,job.activeDeadlineSeconds=null", "settings.timeout: 2562047h2562047h: must be"},
		{"settings.timeout=4min", "does not match pattern"},
		{"settings.k8sClientQps=0", "exclusiveMinimum: got 0, want 0"},
		{"settings.kubeconfig=1", "got number, want string"},
		{"serviceAccount.name=calico_node", "does not match pattern"},
		{"serviceAccount.name=" + strings.Repeat("a", 249), "maxLength: got 249, want 248"},
		{"fullnameOverride=" + strings.Repeat("a", 53), "maxLength: got 53, want 52"},
		{"podLabels.team=a b", "'a b' does not match pattern"},
		{"podLabels.team=-", "'-' does not match pattern"},
		{"podLabels.team=" + strings.Repeat("a", 64), "maxLength: got 64, want 63"},
		{"podLabels.a b=c", "invalid propertyName 'a b'"},
		{"podLabels.a/b/c=d", "invalid propertyName 'a/b/c'"},
		{"nodeSelector.zone=a b", "'a b' does not match pattern"},
		{"tolerations[0].key=a b", "'a b' does not match pattern"},
		{"tolerations[0].value=a b", "'a b' does not match pattern"},
		{"podAnnotations.a b=c", "invalid propertyName 'a b'"},
		{"job.annotations.a b=c", "invalid propertyName 'a b'"},
		{"serviceAccount.annotations.a b=c", "invalid propertyName 'a b'"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[0].labels.a=b c", "'b c' does not match pattern"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[0].natOutgoing=null", "got null, want boolean"},
		{"extraVolumes[0].name=a,extraVolumes[0].configMap.name=b,extraVolumes[0].secret.secretName=c", "maxProperties: got 3, want 2"},
		{"fullnameOverride=Pools", "does not match pattern"},
		{"poolsConfigMap=a..b", "does not match pattern"},
		{"etcdSecret.caKey=a/b", "does not match pattern"},
		{"image.tag=a:b", "does not match pattern"},
		{"extraEnv[0].name=A,extraEnv[0].vaule=b", "additional properties 'vaule' not allowed"},
		{"extraEnv[0].name=A,extraEnv[0].value=true", "got boolean, want string"},
		{"extraVolumes[0].name=a", "minProperties: got 1, want 2"},
		{"extraVolumeMounts[0].name=a", "missing property 'mountPath'"},
		{"tolerations[0].operator=exists", "value must be one of 'Exists', 'Equal'"},
		{"tolerations[0].efect=NoExecute", "additional properties 'efect' not allowed"},
		{"resources.limit.memory=64Mi", "additional properties 'limit' not allowed"},
		{"affinity.nodeAfinity.a=b", "additional properties 'nodeAfinity' not allowed"},
		{"podSecurityContext.runAsUsr=1", "additional properties 'runAsUsr' not allowed"},
		{"securityContext.runAsNonRoot=yes", "got string, want boolean"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0", "does not match pattern"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[0].ipipMode=crosssubnet", "value must be one of"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[0].allowedUses={workload}", "value must be one of"},
		{"pools[0].name=a", "missing property 'cidr'"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[0].natOutGoing=true", "additional properties 'natOutGoing' not allowed"},
		{"openshift=ture", "got string, want boolean"},
		{"nodeSelector.zone=1", "got number, want string"},
		{"pools[0].name=a,pools[0].cidr=10.1.0.0/16,poolsConfigMap=b", "poolsConfigMap: must be empty with pools"},
		{etcdEndpoint + "etcdSecret.name=etcd,settings.etcdCertFile=/cert.pem", "settings.etcdCertFile: must be empty with etcdSecret.name"},
		{"etcdSecret.name=etcd", "etcdSecret.name: must be empty with the datastore kubernetes"},
		{etcdEndpoint + "settings.datastoreType=kubernetes", "settings.etcdEndpoints: must be empty with the datastore kubernetes"},
		{"settings.etcdUsername=calico", "settings.etcdUsername: must be empty with the datastore kubernetes"},
		{etcdEndpoint + "settings.k8sCaFile=/ca.pem", "settings.k8sCaFile: must be empty with the datastore etcdv3"},
		{etcdEndpoint + "settings.calicoApiGroup=projectcalico.org/v3", "settings.calicoApiGroup: must be empty with the datastore etcdv3"},
		{"settings.kubeconfig=/a,settings.k8sApiEndpoint=https://10.0.0.1", "settings.k8sApiEndpoint: must be empty with settings.kubeconfig"},
		{"settings.timeout=290s", "job.activeDeadlineSeconds: must be more than settings.timeout (290s)"},
		{"settings.timeout=0", "job.activeDeadlineSeconds: must be more than settings.timeout (0)"},
		{"settings.timeout=0s", "job.activeDeadlineSeconds: must be more than settings.timeout (0s)"},
		{"settings.timeout=,job.activeDeadlineSeconds=60", "job.activeDeadlineSeconds: must be more than settings.timeout (60s)"},
		{"settings.waitForDatastore=true", "settings.waitForDatastore: must be false with settings.timeout (4m)"},
		{"settings.waitForDatastore=true,settings.timeout=", "job.activeDeadlineSeconds: must be more than settings.timeout (no limit)"},
		{"extraEnv[0].name=CALICO_IPPOOLS_TIMEOUT", "extraEnv: CALICO_IPPOOLS_TIMEOUT is set twice"},
		{"extraEnv[0].name=A,extraEnv[1].name=A", "extraEnv: A is set twice; remove it, or the setting that sets it"},
		{"extraEnv[0].name=KUBERNETES_SERVICE_HOST", "extraEnv: KUBERNETES_SERVICE_HOST is set twice; remove it, or set apiServerConfigMap to empty"},
	} {
		_, err := rendered(t, append(withImage, "--set", tt.values)...)
		assert.ErrorContains(t, err, tt.want, tt.values)
	}
	for _, accepted := range []string{
		"settings.timeout=1h2m,job.activeDeadlineSeconds=3721", "settings.timeout=500ms,job.activeDeadlineSeconds=1", "settings.timeout=,job.activeDeadlineSeconds=61",
		"settings.waitForDatastore=true,settings.timeout=0,job.activeDeadlineSeconds=null", "settings.waitForDatastore=true,settings.timeout=,job.activeDeadlineSeconds=null",
		"settings.ipv4PoolCidr=None,settings.ipv4PoolBlockSize=26,settings.ipv6PoolCidr=::ffff:0:0/96", `settings.noNatTo=10.0.0.0/8\, fd00::/64`,
		"settings.timeout=2562047h,job.activeDeadlineSeconds=null", `podLabels.example\.com/team=a_B.1,podLabels.empty=,podAnnotations.Example\.com/a=b c`,
		"serviceAccount.name=" + strings.Repeat("a", 248) + ",fullnameOverride=" + strings.Repeat("a", 52),
		"apiServerConfigMap=,extraEnv[0].name=KUBERNETES_SERVICE_HOST,extraEnv[0].value=10.0.0.1",
		"extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy:3128,extraArgs={--k8s-api-endpoint=https://a,--pools-file=/a@b}",
	} {
		_, err := rendered(t, append(withImage, "--set", accepted)...)
		assert.NoError(t, err, accepted)
	}
}

// TestHelmBooleansAsText sets booleans to texts, as --set-string does. The schema refuses them,
// and without it they mean the same, also to the roles.
func TestHelmBooleansAsText(t *testing.T) {
	t.Parallel()
	const timeLimits = "settings.timeout=,job.activeDeadlineSeconds=null"
	for _, value := range []string{"true", "false"} {
		var all []string
		for _, d := range settings.Definitions() {
			if d.Bool && !strings.HasPrefix(d.Flag, "k8s") {
				words := strings.Split(d.Flag, "-")
				for i := range words[1:] {
					words[i+1] = strings.ToUpper(words[i+1][:1]) + words[i+1][1:]
				}
				all = append(all, "settings."+strings.Join(words, "")+"="+value)
			}
		}
		require.NotEmpty(t, all)
		for _, set := range []string{strings.Join(all, ","), "settings.noDefaultPools=" + value, "settings.ipv6PoolNatOutgoing=" + value} {
			want, err := rendered(t, append(withImage, "--set", timeLimits, "--set", set)...)
			require.NoError(t, err)
			got, err := rendered(t, append(withImage, "--set", timeLimits, "--set-string", set, "--skip-schema-validation")...)
			require.NoError(t, err)
			assert.Equal(t, want, got, set)
			_, err = rendered(t, append(withImage, "--set-string", set)...)
			assert.ErrorContains(t, err, "value must be one of true, false, ''", set)
		}
	}
}

const etcdEndpoint = "settings.etcdEndpoints=https://10.0.0.1:2379,"

// TestHelmSecrets tries to put secrets into the values, which a release stores: the chart
// refuses them, and does not print them.
func TestHelmSecrets(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{
		etcdEndpoint + "settings.etcdPassword=s3cret":                          "'/settings/etcdPassword': got string, want object",
		"settings.k8sApiToken=s3cret":                                          "'/settings/k8sApiToken': got string, want object",
		etcdEndpoint + "settings.etcdPassword.value=s3cret":                    "additional properties 'value' not allowed",
		"settings.etcdEndpoints=https://calico:s3cret@10.0.0.1:2379":           "settings.etcdEndpoints: must have no user and password",
		"settings.etcdEndpoints={https://calico:s3cret@10.0.0.1:2379}":         "settings.etcdEndpoints: must have no user and password",
		"settings.k8sApiEndpoint=https://calico:s3cret@10.0.0.1:6443":          "settings.k8sApiEndpoint: must have no user and password",
		"extraEnv[0].name=ETCD_PASSWORD,extraEnv[0].value=s3cret":              "extraEnv: ETCD_PASSWORD must not be a value, which the release would store; set settings.etcdPassword",
		"extraEnv[0].name=CALICO_K8S_API_TOKEN,extraEnv[0].value=s3cret":       "extraEnv: CALICO_K8S_API_TOKEN must not be a value",
		"settings.k8sApiEndpoint=https://calico:s3 cret@10.0.0.1:6443":         "settings.k8sApiEndpoint: must have no user and password",
		"settings.etcdEndpoints={calico:s3 cret@10.0.0.1:2379}":                "settings.etcdEndpoints: must have no user and password",
		"settings.etcdDiscoverySrv=calico:s3cret@example.com":                  "settings.etcdDiscoverySrv: must have no user and password",
		"extraEnv[0].name=K8S_API_ENDPOINT,extraEnv[0].value=https://s3cret@a": "extraEnv: K8S_API_ENDPOINT must have no user and password, which the release would store; refer to a Secret by settings.",
		"extraEnv[0].name=ETCD_ENDPOINTS,extraEnv[0].value=s3cret@a":           "extraEnv: ETCD_ENDPOINTS must have no user and password",
		"extraEnv[0].name=CALICO_ETCD_ENDPOINTS,extraEnv[0].value=a:s3cret@a":  "extraEnv: CALICO_ETCD_ENDPOINTS must have no user and password",
		"extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://a:s3cret@a":     "extraEnv: HTTPS_PROXY must have no user and password, which the release would store; set valueFrom.secretKeyRef",
		"extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=a:s3cret@proxy:3128":   "extraEnv: HTTPS_PROXY must have no user and password",
		"extraArgs={--k8s-api-endpoint=https://a:s3cret@a}":                    "extraArgs: --k8s-api-endpoint must have no user and password",
		"extraArgs={--etcd-endpoints,s3cret@a}":                                "extraArgs: --etcd-endpoints must have no user and password",
		"extraArgs={--log-level=debug,https://a:s3cret@a}":                     "extraArgs[1]: must have no user and password",
		"extraArgs={--k8s-api-token=s3cret}":                                   "extraArgs: --k8s-api-token must not be an argument",
		"extraArgs={--etcd-password,s3cret}":                                   "extraArgs: --etcd-password must not be an argument",
	} {
		_, err := rendered(t, append(withImage, "--set", set)...)
		require.ErrorContains(t, err, want, set)
		assert.NotContains(t, err.Error(), "s3cret", set)
	}
	_, err := rendered(t, append(withImage, "--set", etcdEndpoint+"extraEnv[0].name=ETCD_PASSWORD,extraEnv[0].valueFrom.secretKeyRef.name=a,extraEnv[0].valueFrom.secretKeyRef.key=b")...)
	assert.NoError(t, err)
}

// TestHelmSettings sets every setting: the container gets the variable of each.
func TestHelmSettings(t *testing.T) {
	t.Parallel()
	var named struct {
		Settings map[string]any `json:"settings"`
	}
	content, err := os.ReadFile(chart + "/values.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, &named))
	given, want, variables := map[string]any{}, []string{}, map[string]string{}
	shaped := map[string]string{
		"ipv4PoolCidr": "10.1.0.0/16", "ipv6PoolCidr": "fd00:1::/64", "ipv4PoolName": "a.b", "ipv6PoolName": "c-d",
		"ipv4PoolBlockSize": "25", "ipv6PoolBlockSize": "121", "timeout": "3m5s", "etcdEndpoints": "https://10.0.0.1:2379,b:2379",
		"etcdDiscoverySrv": "example.com", "k8sApiEndpoint": "https://10.0.0.1:6443", "k8sClientBurst": "3",
	}
	for _, d := range settings.Definitions() {
		name := strings.ReplaceAll(d.Flag, "-", "")
		for value := range named.Settings {
			if strings.ToLower(value) == name {
				name = value
			}
		}
		variables[name] = d.Env
		switch {
		case shaped[name] != "":
			given[name] = shaped[name]
			want = append(want, d.Env+"="+shaped[name])
		case d.Flag == "pools-file":
			continue // pools
		case d.Secret:
			given[name] = map[string]string{"name": "secret", "key": "the-" + name}
			want = append(want, d.Env+"=secret/the-"+name)
		case d.Bool:
			given[name] = false
			want = append(want, d.Env+"=false")
		case d.List:
			list := []string{"10.1.0.0/16", "fd00:1::/64"}
			if d.Flag == "allow" {
				list = []string{"a", "b"}
			}
			given[name] = list
			want = append(want, d.Env+"="+strings.Join(list, ","))
		case d.Words != nil:
			given[name] = d.Words[0]
			want = append(want, d.Env+"="+d.Words[0])
		case strings.HasSuffix(d.Flag, "-qps"):
			given[name] = 2_000_000
			want = append(want, d.Env+"=2000000")
		default:
			given[name] = "a '\"b"
			want = append(want, d.Env+"=a '\"b")
		}
	}
	assert.Len(t, given, len(named.Settings))
	for _, contradicting := range []string{"^(k8s|kubeconfig|calicoApiGroup)", "^(etcd|k8sApiEndpoint)", "^(etcd|kubeconfig)"} {
		some, wanted := maps.Clone(given), slices.Clone(want)
		for name := range given {
			if regexp.MustCompile(contradicting).MatchString(name) {
				delete(some, name)
				wanted = slices.DeleteFunc(wanted, func(variable string) bool { return strings.HasPrefix(variable, variables[name]+"=") })
			}
		}
		if some["etcdEndpoints"] == nil {
			some["datastoreType"] = "kubernetes"
			wanted[slices.Index(wanted, "DATASTORE_TYPE=etcdv3")] = "DATASTORE_TYPE=kubernetes"
		}
		assert.ElementsMatch(t, wanted, envOfChart(t, some), contradicting)
	}
	assert.Subset(t, envOfChart(t, map[string]any{"ipv4PoolIpip": false, "preflight": false, "ipv4PoolNatOutgoing": false, "k8sClientQps": 0.5}),
		[]string{"CALICO_IPV4POOL_IPIP=off", "CALICO_IPPOOLS_PREFLIGHT=off", "CALICO_IPV4POOL_NAT_OUTGOING=false", "K8S_CLIENT_QPS=0.5"})
	assert.Equal(t, []string{"DATASTORE_TYPE=etcdv3"}, envOfChart(t, map[string]any{"etcdDiscoverySrv": "example.com", "timeout": nil})[:1])
}

// envOfChart returns the environment of the Job's container with these settings.
func envOfChart(t *testing.T, given map[string]any) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	text, err := yaml.Marshal(map[string]any{"settings": given, "apiServerConfigMap": ""})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	documents, err := rendered(t, append(withImage, "--values", file)...)
	require.NoError(t, err)
	var env []string
	for _, variable := range jobOf(t, documents).Spec.Template.Spec.Containers[0].Env {
		value := variable.Value
		if variable.ValueFrom != nil {
			value = variable.ValueFrom.SecretKeyRef.Name + "/" + variable.ValueFrom.SecretKeyRef.Key
		}
		env = append(env, variable.Name+"="+value)
	}
	return env
}

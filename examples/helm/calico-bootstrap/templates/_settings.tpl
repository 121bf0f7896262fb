{{/* Written by `go test . -run HelmChart -update`. */}}

{{/* The environment variable of each setting. */}}
{{- define "calico-bootstrap.variables" -}}
ipv4PoolCidr: CALICO_IPV4POOL_CIDR
ipv4PoolName: CALICO_IPV4POOL_NAME
ipv4PoolBlockSize: CALICO_IPV4POOL_BLOCK_SIZE
ipv4PoolIpip: CALICO_IPV4POOL_IPIP
ipv4PoolVxlan: CALICO_IPV4POOL_VXLAN
ipv4PoolNatOutgoing: CALICO_IPV4POOL_NAT_OUTGOING
ipv4PoolNodeSelector: CALICO_IPV4POOL_NODE_SELECTOR
ipv4PoolDisableBgpExport: CALICO_IPV4POOL_DISABLE_BGP_EXPORT
ipv6PoolCidr: CALICO_IPV6POOL_CIDR
ipv6PoolName: CALICO_IPV6POOL_NAME
ipv6PoolBlockSize: CALICO_IPV6POOL_BLOCK_SIZE
ipv6PoolVxlan: CALICO_IPV6POOL_VXLAN
ipv6PoolNatOutgoing: CALICO_IPV6POOL_NAT_OUTGOING
ipv6PoolNodeSelector: CALICO_IPV6POOL_NODE_SELECTOR
ipv6PoolDisableBgpExport: CALICO_IPV6POOL_DISABLE_BGP_EXPORT
noDefaultPools: NO_DEFAULT_POOLS
ipv6Support: FELIX_IPV6SUPPORT
clusterCidr: CALICO_IPPOOLS_CLUSTER_CIDR
serviceCidr: CALICO_IPPOOLS_SERVICE_CIDR
networkingBackend: CALICO_NETWORKING_BACKEND
noNatTo: CALICO_IPPOOLS_NO_NAT_TO
onDrift: CALICO_IPPOOLS_ON_DRIFT
preflight: CALICO_IPPOOLS_PREFLIGHT
allow: CALICO_IPPOOLS_ALLOW
strict: CALICO_IPPOOLS_STRICT
waitForDatastore: WAIT_FOR_DATASTORE
timeout: CALICO_IPPOOLS_TIMEOUT
logLevel: CALICO_STARTUP_LOGLEVEL
logFormat: CALICO_IPPOOLS_LOG_FORMAT
datastoreType: DATASTORE_TYPE
etcdEndpoints: ETCD_ENDPOINTS
etcdDiscoverySrv: ETCD_DISCOVERY_SRV
etcdUsername: ETCD_USERNAME
etcdPassword: ETCD_PASSWORD
etcdCaCertFile: ETCD_CA_CERT_FILE
etcdCertFile: ETCD_CERT_FILE
etcdKeyFile: ETCD_KEY_FILE
kubeconfig: KUBECONFIG
k8sApiEndpoint: K8S_API_ENDPOINT
k8sCaFile: K8S_CA_FILE
k8sCertFile: K8S_CERT_FILE
k8sKeyFile: K8S_KEY_FILE
k8sApiToken: K8S_API_TOKEN
k8sInsecureSkipTlsVerify: K8S_INSECURE_SKIP_TLS_VERIFY
k8sCurrentContext: K8S_CURRENT_CONTEXT
k8sClientQps: K8S_CLIENT_QPS
k8sClientBurst: K8S_CLIENT_BURST
calicoApiGroup: CALICO_API_GROUP
{{- end -}}

{{/* The settings with the value off, which is the boolean false in YAML. */}}
{{- define "calico-bootstrap.off" -}}
- ipv4PoolIpip
- ipv4PoolVxlan
- ipv6PoolVxlan
- preflight
{{- end -}}

{{/* The variables and the flag of each secret. */}}
{{- define "calico-bootstrap.secrets" -}}
etcdPassword: ETCD_PASSWORD,CALICO_ETCD_PASSWORD,--etcd-password
k8sApiToken: K8S_API_TOKEN,CALICO_K8S_API_TOKEN,--k8s-api-token
{{- end -}}

{{/* The same of each setting with URLs of servers. */}}
{{- define "calico-bootstrap.servers" -}}
etcdEndpoints: ETCD_ENDPOINTS,CALICO_ETCD_ENDPOINTS,--etcd-endpoints
etcdDiscoverySrv: ETCD_DISCOVERY_SRV,CALICO_ETCD_DISCOVERY_SRV,--etcd-discovery-srv
k8sApiEndpoint: K8S_API_ENDPOINT,CALICO_K8S_API_ENDPOINT,--k8s-api-endpoint
{{- end -}}

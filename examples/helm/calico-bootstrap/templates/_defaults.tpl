{{/* Written by `go test . -run HelmChart -update`. */}}

{{/* values.yaml, for values that are null or that an older chart does not have. */}}
{{- define "calico-bootstrap.defaults" -}}
affinity: {}
apiServerConfigMap: kubernetes-services-endpoint
etcdSecret:
  caKey: etcd-ca
  certKey: etcd-cert
  keyKey: etcd-key
  name: ""
extraArgs: []
extraEnv: []
extraVolumeMounts: []
extraVolumes: []
fullnameOverride: ""
hook:
  enabled: true
  jobDeletePolicy: before-hook-creation
  weight: 0
hostNetwork: ""
image:
  digest: ""
  pullPolicy: IfNotPresent
  pullSecrets: []
  repository: ""
  tag: ""
job:
  activeDeadlineSeconds: 290
  annotations: {}
  backoffLimit: 2
  ttlSecondsAfterFinished: 3600
nameOverride: ""
nodeSelector:
  kubernetes.io/os: linux
openshift: false
podAnnotations: {}
podLabels: {}
podSecurityContext:
  fsGroup: 65532
  runAsGroup: 65532
  runAsNonRoot: true
  runAsUser: 65532
  seccompProfile:
    type: RuntimeDefault
pools: []
poolsConfigMap: ""
priorityClassName: system-cluster-critical
rbac:
  create: true
resources:
  limits:
    memory: 64Mi
  requests:
    cpu: 10m
    memory: 32Mi
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop:
    - ALL
  readOnlyRootFilesystem: true
serviceAccount:
  annotations: {}
  create: true
  name: ""
settings:
  allow: []
  calicoApiGroup: ""
  clusterCidr: []
  datastoreType: ""
  etcdCaCertFile: ""
  etcdCertFile: ""
  etcdDiscoverySrv: ""
  etcdEndpoints: []
  etcdKeyFile: ""
  etcdPassword: {}
  etcdUsername: ""
  ipv4PoolBlockSize: ""
  ipv4PoolCidr: ""
  ipv4PoolDisableBgpExport: ""
  ipv4PoolIpip: ""
  ipv4PoolName: ""
  ipv4PoolNatOutgoing: ""
  ipv4PoolNodeSelector: ""
  ipv4PoolVxlan: ""
  ipv6PoolBlockSize: ""
  ipv6PoolCidr: ""
  ipv6PoolDisableBgpExport: ""
  ipv6PoolName: ""
  ipv6PoolNatOutgoing: ""
  ipv6PoolNodeSelector: ""
  ipv6PoolVxlan: ""
  ipv6Support: ""
  k8sApiEndpoint: ""
  k8sApiToken: {}
  k8sCaFile: ""
  k8sCertFile: ""
  k8sClientBurst: ""
  k8sClientQps: ""
  k8sCurrentContext: ""
  k8sInsecureSkipTlsVerify: ""
  k8sKeyFile: ""
  kubeconfig: ""
  logFormat: ""
  logLevel: ""
  networkingBackend: ""
  noDefaultPools: ""
  noNatTo: []
  onDrift: ""
  preflight: ""
  serviceCidr: []
  strict: ""
  timeout: 4m
  waitForDatastore: ""
test:
  enabled: true
tolerations:
- operator: Exists
{{- end -}}

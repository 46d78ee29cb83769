apiVersion: v1
kind: ConfigMap
metadata:
  name: cilium-config
  namespace: {{ .Release.Namespace }}
data:
  version: {{ .Chart.Version }}
  ipam: {{ .Values.ipam.mode }}
  {{- if eq .Values.ipam.mode "cluster-pool" }}
  cluster-pool-ipv4-cidr: {{ .Values.ipam.operator.clusterPoolIPv4PodCIDRList | join " " | quote }}
  cluster-pool-ipv4-mask-size: {{ .Values.ipam.operator.clusterPoolIPv4MaskSize | quote }}
  {{- end }}
  kube-proxy-replacement: {{ .Values.kubeProxyReplacement | quote }}
  {{- with .Values.k8sServiceHost }}
  k8s-service: {{ printf "%s:%v" . $.Values.k8sServicePort | quote }}
  {{- end }}

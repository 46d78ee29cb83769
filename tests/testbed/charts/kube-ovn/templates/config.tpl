{{- /* The real one would make a subnet whose gateway is not in it, and no pod would get an address. */}}
{{- if and (ne .Values.ipv4.POD_CIDR "10.16.0.0/16") (eq .Values.ipv4.POD_GATEWAY "10.16.0.1") }}
{{- fail (printf "ipv4.POD_GATEWAY %s is not in ipv4.POD_CIDR %s" .Values.ipv4.POD_GATEWAY .Values.ipv4.POD_CIDR) }}
{{- end }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: ovn-config
  namespace: {{ .Release.Namespace }}
data:
  version: {{ .Chart.Version }}
  default-cidr: {{ .Values.ipv4.POD_CIDR }}
  default-gateway: {{ .Values.ipv4.POD_GATEWAY }}
  service-cluster-ip-range: {{ .Values.ipv4.SVC_CIDR }}
  node-switch-cidr: {{ .Values.ipv4.JOIN_CIDR }}
  master-nodes-label: {{ .Values.MASTER_NODES_LABEL }}

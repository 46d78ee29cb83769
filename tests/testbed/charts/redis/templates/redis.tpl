{{- if not (and .Values.auth.enabled .Values.auth.existingSecret .Values.auth.existingSecretPasswordKey) }}
{{- fail "This chart has no password of its own: set auth.existingSecret and auth.existingSecretPasswordKey." }}
{{- end }}
{{- if .Values.tls.enabled }}
{{- fail "The server that can be had here has no TLS." }}
{{- end }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "redis.fullname" . }}
  labels:
    {{- include "redis.labels" . | nindent 4 }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "redis.fullname" . }}-configuration
  labels:
    {{- include "redis.labels" . | nindent 4 }}
data:
  redis.conf: |
    {{- tpl .Values.commonConfiguration . | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "redis.fullname" . }}-headless
  labels:
    {{- include "redis.labels" . | nindent 4 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  ports:
    - {name: tcp-redis, port: 6379, targetPort: redis}
  selector:
    {{- include "redis.labels" . | nindent 4 }}
{{ include "redis.workload" (dict "top" . "suffix" "master" "component" "master" "count" 1 "role" .Values.master) }}
{{- if eq .Values.architecture "replication" }}
{{ include "redis.workload" (dict "top" . "suffix" "replicas" "component" "replica" "count" .Values.replica.replicaCount "role" .Values.replica) }}
{{- end }}

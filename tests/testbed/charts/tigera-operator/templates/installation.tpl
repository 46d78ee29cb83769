{{- if .Values.installation.enabled }}
apiVersion: operator.tigera.io/v1
kind: Installation
metadata:
  name: default
  annotations:
    chart-version: {{ .Chart.Version }}
spec:
  {{- omit .Values.installation "enabled" | toYaml | nindent 2 }}
{{- end }}

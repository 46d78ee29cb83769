{{- $read := and .Values.replica.enabled .Values.replica.service.enabled }}
{{- $kinds := list "" }}
{{- if .Values.replica.enabled }}
{{- $kinds = append $kinds "-headless" }}
{{- end }}
{{- if $read }}
{{- $kinds = append $kinds "-read" }}
{{- end }}
{{- range $kind := $kinds }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "valkey.fullname" $ }}{{ $kind }}
  labels:
    {{- include "valkey.labels" $ | nindent 4 }}
spec:
  {{- if eq $kind "-headless" }}
  clusterIP: None
  publishNotReadyAddresses: true
  {{- else }}
  type: {{ $.Values.service.type }}
  {{- end }}
  ports:
    - {name: tcp, port: {{ $.Values.service.port }}, targetPort: tcp, protocol: TCP}
  selector:
    {{- include "valkey.selectorLabels" $ | nindent 4 }}
    {{- if and $.Values.replica.enabled (eq $kind "") }}
    statefulset.kubernetes.io/pod-name: {{ include "valkey.fullname" $ }}-0
    {{- end }}
{{- end }}

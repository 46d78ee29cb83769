apiVersion: apps/v1
kind: {{ ternary "StatefulSet" "Deployment" .Values.replica.enabled }}
metadata:
  name: {{ include "valkey.fullname" . }}
  labels:
    {{- include "valkey.labels" . | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "valkey.selectorLabels" . | nindent 6 }}
  {{- if .Values.replica.enabled }}
  serviceName: {{ include "valkey.fullname" . }}-headless
  replicas: {{ .Values.replica.replicas }}
  podManagementPolicy: OrderedReady
  volumeClaimTemplates:
    - metadata:
        name: valkey-data
      spec:
        accessModes:
          {{- toYaml .Values.persistence.accessModes | nindent 10 }}
        {{- with .Values.persistence.storageClass }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .Values.persistence.size }}
  {{- else }}
  replicas: 1
  strategy:
    type: Recreate
  {{- end }}
  template:
    {{- include "valkey.podTemplate" . | nindent 4 }}

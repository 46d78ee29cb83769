apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "valkey.fullname" . }}
  labels:
    {{- include "valkey.labels" . | nindent 4 }}
automountServiceAccountToken: false

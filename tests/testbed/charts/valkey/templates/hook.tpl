{{- with .Values.testbedHook }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "valkey.fullname" $ }}-hook
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: hook
          image: {{ include "valkey.image" $ }}
          command: [sh, -c, {{ . | quote }}]
{{- end }}

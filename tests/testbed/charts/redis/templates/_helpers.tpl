{{- define "redis.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "redis.labels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "redis.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- if and (ne $registry "docker.io") (not .Values.global.security.allowInsecureImages) -}}
{{- fail "Original containers have been substituted for unrecognized ones; set global.security.allowInsecureImages." -}}
{{- end -}}
{{- $version := ternary (printf "@%s" .Values.image.digest) (printf ":%s" .Values.image.tag) (ne .Values.image.digest "") -}}
{{- printf "%s/%s%s" $registry .Values.image.repository $version -}}
{{- end -}}

{{- define "redis.workload" -}}
{{- $fullname := include "redis.fullname" .top }}
{{- $primary := printf "%s-master-0.%s-headless.%s.svc.%s" $fullname $fullname .top.Release.Namespace .top.Values.clusterDomain }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $fullname }}-{{ .suffix }}
  labels:
    {{- include "redis.labels" .top | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  replicas: {{ .count }}
  serviceName: {{ $fullname }}-headless
  selector:
    matchLabels:
      {{- include "redis.labels" .top | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  template:
    metadata:
      labels:
        {{- include "redis.labels" .top | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
      annotations:
        checksum/configmap: {{ .top.Values.commonConfiguration | sha256sum }}
        {{- with .role.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      automountServiceAccountToken: false
      serviceAccountName: {{ $fullname }}
      securityContext: {fsGroup: 1001}
      containers:
        - name: redis
          image: {{ include "redis.image" .top }}
          command: [sh, -euc]
          args:
            - |
              cp /opt/configuration/redis.conf /tmp/redis.conf
              {
                echo "requirepass $REDIS_PASSWORD"
                echo "masterauth $REDIS_PASSWORD"
                echo "dir /data"
                echo "protected-mode no"
                {{- if eq .component "replica" }}
                echo "replicaof {{ $primary }} 6379"
                {{- end }}
              } >> /tmp/redis.conf
              exec redis-server /tmp/redis.conf
          env:
            - name: REDIS_PASSWORD
              valueFrom:
                secretKeyRef:
                  name: {{ .top.Values.auth.existingSecret }}
                  key: {{ .top.Values.auth.existingSecretPasswordKey }}
          ports:
            - {name: redis, containerPort: 6379}
          readinessProbe:
            exec:
              command: [sh, -c, 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli ping']
            periodSeconds: 5
          securityContext: {runAsUser: 1001, runAsNonRoot: true}
          resources:
            {{- toYaml .role.resources | nindent 12 }}
          volumeMounts:
            - {name: redis-data, mountPath: /data}
            - {name: config, mountPath: /opt/configuration}
      volumes:
        - name: config
          configMap:
            name: {{ $fullname }}-configuration
        {{- if not .role.persistence.enabled }}
        - name: redis-data
          emptyDir: {}
        {{- end }}
      {{- with .role.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- if .role.persistence.enabled }}
  volumeClaimTemplates:
    - metadata:
        name: redis-data
      spec:
        accessModes:
          {{- toYaml .role.persistence.accessModes | nindent 10 }}
        {{- with .role.persistence.storageClass }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .role.persistence.size }}
  {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $fullname }}-{{ .suffix }}
  labels:
    {{- include "redis.labels" .top | nindent 4 }}
spec:
  ports:
    - {name: tcp-redis, port: 6379, targetPort: redis}
  selector:
    {{- include "redis.labels" .top | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
{{- if .role.pdb.create }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $fullname }}-{{ .suffix }}
  labels:
    {{- include "redis.labels" .top | nindent 4 }}
spec:
  maxUnavailable: {{ default 1 .role.pdb.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "redis.labels" .top | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- end -}}

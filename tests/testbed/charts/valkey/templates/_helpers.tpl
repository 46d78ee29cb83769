{{- define "valkey.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "valkey.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "valkey.labels" -}}
{{ include "valkey.selectorLabels" . }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "valkey.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- printf "%s/%s:%s" $registry .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{- define "valkey.probes" -}}
{{- range $name := list "startupProbe" "livenessProbe" "readinessProbe" }}
{{- $probe := index $.Values $name }}
{{- if $probe.enabled }}
{{ $name }}:
  {{- omit $probe "enabled" | toYaml | nindent 2 }}
  exec:
    command: {{ if $.Values.tls.enabled }}[valkey-cli, --tls, --cacert, /tls/{{ $.Values.tls.caPublicKey }}, ping]{{ else }}[valkey-cli, ping]{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* As upstream's refuses what can not be. */}}
{{- define "valkey.validate" -}}
{{- if .Values.auth.enabled }}
{{- if not (hasKey .Values.auth.aclUsers "default") }}
{{- fail "The 'default' user must be defined in auth.aclUsers when authentication is enabled." }}
{{- end }}
{{- if not .Values.auth.usersExistingSecret }}
{{- fail "A user must have a password: auth.usersExistingSecret must be set." }}
{{- end }}
{{- end }}
{{- if and .Values.replica.enabled (not (and .Values.persistence.enabled .Values.persistence.size)) }}
{{- fail "Replication requires persistent storage: set persistence.enabled and persistence.size." }}
{{- end }}
{{- if and .Values.tls.enabled (not .Values.tls.existingSecret) }}
{{- fail "TLS needs tls.existingSecret." }}
{{- end }}
{{- end -}}

{{- define "valkey.podTemplate" -}}
metadata:
  labels:
    {{- include "valkey.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/component: valkey
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    checksum/initconfig: {{ include (print $.Template.BasePath "/init-scripts.tpl") . | sha256sum | trunc 32 | quote }}
spec:
  automountServiceAccountToken: false
  serviceAccountName: {{ include "valkey.fullname" . }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  initContainers:
    - name: init
      image: {{ include "valkey.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      command: [/scripts/init.sh]
      env:
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
      volumeMounts:
        - {name: valkey-data, mountPath: /data}
        - {name: valkey-conf, mountPath: /valkey-conf}
        - {name: scripts, mountPath: /scripts}
        {{- if .Values.auth.enabled }}
        - {name: valkey-acl, mountPath: /etc/valkey}
        - {name: valkey-users-secret, mountPath: /valkey-users-secret, readOnly: true}
        {{- end }}
  containers:
    - name: valkey
      image: {{ include "valkey.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [valkey-server]
      args: [/valkey-conf/valkey.conf]
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      ports:
        - {name: tcp, containerPort: {{ .Values.service.port }}, protocol: TCP}
      {{- include "valkey.probes" . | nindent 6 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - {name: valkey-data, mountPath: /data}
        - {name: valkey-conf, mountPath: /valkey-conf}
        {{- if .Values.auth.enabled }}
        - {name: valkey-acl, mountPath: /etc/valkey}
        {{- end }}
        {{- if .Values.tls.enabled }}
        - {name: tls, mountPath: /tls}
        {{- end }}
  volumes:
    - name: valkey-conf
      emptyDir: {medium: Memory}
    - name: scripts
      configMap:
        name: {{ include "valkey.fullname" . }}-init-scripts
        defaultMode: 0555
    {{- if .Values.auth.enabled }}
    - name: valkey-acl
      emptyDir: {medium: Memory}
    - name: valkey-users-secret
      secret:
        secretName: {{ .Values.auth.usersExistingSecret }}
        defaultMode: 0400
    {{- end }}
    {{- if .Values.tls.enabled }}
    - name: tls
      secret:
        secretName: {{ .Values.tls.existingSecret }}
        defaultMode: 0400
    {{- end }}
    {{- if not .Values.replica.enabled }}
    - name: valkey-data
      emptyDir: {}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- include "valkey.validate" . }}
{{- $headless := printf "%s-headless.%s.svc.%s" (include "valkey.fullname" .) .Release.Namespace .Values.clusterDomain }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "valkey.fullname" . }}-init-scripts
  labels:
    {{- include "valkey.labels" . | nindent 4 }}
data:
  extra.conf: {{ tpl .Values.extraConfig . | quote }}
  init.sh: |
    #!/bin/sh
    # Writes valkey.conf and the users that may log in, as upstream's script does, before the server starts.
    set -eu
    umask 077
    conf=/valkey-conf/valkey.conf
    {
      {{- if .Values.tls.enabled }}
      echo "port 0"
      echo "tls-port {{ .Values.service.port }}"
      echo "tls-cert-file /tls/{{ .Values.tls.serverPublicKey }}"
      echo "tls-key-file /tls/{{ .Values.tls.serverKey }}"
      echo "tls-ca-cert-file /tls/{{ .Values.tls.caPublicKey }}"
      echo "tls-auth-clients no"
      {{- else }}
      echo "port {{ .Values.service.port }}"
      {{- end }}
      echo "protected-mode no"
      echo "bind * -::*"
      echo "dir /data"
    } > "$conf"
    {{- if .Values.auth.enabled }}
    : > /etc/valkey/users.acl
    {{- range $name, $user := .Values.auth.aclUsers }}
    password=$(cat "/valkey-users-secret/{{ default $name $user.passwordKey }}")
    digest=$(printf '%s' "$password" | sha256sum | cut -d ' ' -f 1)
    echo "user {{ $name }} on #$digest {{ $user.permissions }}" >> /etc/valkey/users.acl
    {{- end }}
    echo "aclfile /etc/valkey/users.acl" >> "$conf"
    {{- end }}
    {{- if .Values.replica.enabled }}
    {
      echo "replica-announce-ip $POD_NAME.{{ $headless }}"
      echo "replica-announce-port {{ .Values.service.port }}"
    } >> "$conf"
    if [ "${POD_NAME##*-}" != 0 ]; then
      echo "replicaof {{ include "valkey.fullname" . }}-0.{{ $headless }} {{ .Values.service.port }}" >> "$conf"
      {{- if .Values.auth.enabled }}
      {{- $replicator := index .Values.auth.aclUsers .Values.replica.replicationUser }}
      {
        echo "masteruser {{ .Values.replica.replicationUser }}"
        echo "masterauth $(cat "/valkey-users-secret/{{ default .Values.replica.replicationUser $replicator.passwordKey }}")"
      } >> "$conf"
      {{- end }}
      {{- if .Values.tls.enabled }}
      echo "tls-replication yes" >> "$conf"
      {{- end }}
    fi
    {{- end }}
    cat /scripts/extra.conf >> "$conf"

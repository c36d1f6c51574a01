{{- define "eventstore.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "eventstore.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "eventstore.labels" -}}
{{ include "eventstore.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "eventstore.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Said here, since a schema could only say that something does not match. */}}
{{- define "eventstore.check" -}}
{{- if not .Values.database.existingSecret -}}
{{- fail "database.existingSecret is not set: name a Secret of this namespace that holds the URL of the database under the key database.key" -}}
{{- end -}}
{{- if not (or .Values.tls.existingSecret .Values.insecure) -}}
{{- fail "without TLS everybody on the network can read and write events: set tls.existingSecret, or insecure=true where you trust the network" -}}
{{- end -}}
{{- if and .Values.insecure .Values.tls.existingSecret -}}
{{- fail "insecure=true and tls.existingSecret say two things: take one away" -}}
{{- end -}}
{{- end -}}

{{- define "eventstore.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "eventstore.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "eventstore.databaseUrl" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .key }}
{{- end -}}

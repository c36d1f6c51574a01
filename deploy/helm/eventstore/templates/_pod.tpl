{{/* The pod of a server. Takes context, component, database (a Secret's name and key) and housekeeper (whether it does upkeep). */}}
{{- define "eventstore.pod" -}}
{{- $context := .context -}}
{{- with .context -}}
metadata:
  labels:
    {{- include "eventstore.labels" . | nindent 4 }}
    app.kubernetes.io/component: {{ $.component }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "eventstore.fullname" . }}
  automountServiceAccountToken: false
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "eventstore.podSecurity" . | nindent 4 }}
  containers:
    - name: eventstored
      image: {{ include "eventstore.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        {{- include "eventstore.containerSecurity" . | nindent 8 }}
      env:
        {{- include "eventstore.databaseUrl" $.database | nindent 8 }}
        - name: EVENTSTORE_GRPC_LISTEN
          value: "0.0.0.0:50051"
        - name: EVENTSTORE_HTTP_LISTEN
          value: "0.0.0.0:8080"
        - name: EVENTSTORE_HOUSEKEEPER
          value: {{ $.housekeeper | quote }}
        {{- if .Values.migration.enabled }}
        - name: EVENTSTORE_NO_MIGRATE
          value: "true"
        {{- end }}
        {{- if .Values.insecure }}
        - name: EVENTSTORE_INSECURE
          value: "true"
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        - name: EVENTSTORE_TLS_CERT
          value: /etc/eventstore/tls/tls.crt
        - name: EVENTSTORE_TLS_KEY
          value: /etc/eventstore/tls/tls.key
        {{- end }}
        {{- if .Values.tls.clientCaSecret }}
        - name: EVENTSTORE_TLS_CLIENT_CA
          value: /etc/eventstore/client-ca/ca.crt
        {{- end }}
        {{- if .Values.auth.existingSecret }}
        - name: EVENTSTORE_AUTH_KEYS
          value: /etc/eventstore/auth/{{ .Values.auth.key }}
        {{- end }}
        {{- if .Values.archive.existingClaim }}
        - name: EVENTSTORE_ARCHIVE_DIR
          value: /var/lib/eventstore/archive
        {{- end }}
        {{- range $name, $value := .Values.settings }}
        - name: EVENTSTORE_{{ upper $name }}
          {{- /* Numbers of a file of values come as floating point ones, and large ones would be 1.6777216e+07. */}}
          value: {{ ternary ($value | int64 | toString) ($value | toString) (kindIs "float64" $value) | quote }}
        {{- end }}
      ports:
        - {name: grpc, containerPort: 50051}
        - {name: http, containerPort: 8080}
      {{- $scheme := ternary "HTTPS" "HTTP" (not (empty .Values.tls.existingSecret)) }}
      # A new schema may take a while where servers migrate themselves.
      startupProbe:
        httpGet: {path: /readyz, port: http, scheme: {{ $scheme }}}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 150
      readinessProbe:
        httpGet: {path: /readyz, port: http, scheme: {{ $scheme }}}
        periodSeconds: 5
        timeoutSeconds: 5
      # /healthz does not ask for the database: a restart would not mend that.
      livenessProbe:
        httpGet: {path: /healthz, port: http, scheme: {{ $scheme }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      lifecycle:
        # Endpoints hear of it a little later than the pod does.
        preStop: {exec: {command: [/bin/sleep, "5"]}}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if .Values.tls.existingSecret }}
        - {name: tls, mountPath: /etc/eventstore/tls, readOnly: true}
        {{- end }}
        {{- if .Values.tls.clientCaSecret }}
        - {name: client-ca, mountPath: /etc/eventstore/client-ca, readOnly: true}
        {{- end }}
        {{- if .Values.auth.existingSecret }}
        - {name: auth, mountPath: /etc/eventstore/auth, readOnly: true}
        {{- end }}
        {{- if .Values.archive.existingClaim }}
        - {name: archive, mountPath: /var/lib/eventstore/archive}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
    {{- if .Values.tls.existingSecret }}
    - {name: tls, secret: {secretName: {{ .Values.tls.existingSecret }}, defaultMode: 0440}}
    {{- end }}
    {{- if .Values.tls.clientCaSecret }}
    - {name: client-ca, secret: {secretName: {{ .Values.tls.clientCaSecret }}, defaultMode: 0440}}
    {{- end }}
    {{- if .Values.auth.existingSecret }}
    - {name: auth, secret: {secretName: {{ .Values.auth.existingSecret }}, defaultMode: 0440}}
    {{- end }}
    {{- if .Values.archive.existingClaim }}
    - {name: archive, persistentVolumeClaim: {claimName: {{ .Values.archive.existingClaim }}}}
    {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "eventstore.selector" $context | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "dolly.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "dolly.labels" -}}
app.kubernetes.io/name: dolly-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "dolly.selector" -}}
app.kubernetes.io/name: dolly-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dolly.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default (printf "%s-cpu" .Chart.AppVersion) }}
{{- end -}}

{{/* The gateway's configuration with what the chart decides. */}}
{{- define "dolly.config" -}}
{{- $own := dict "host" "0.0.0.0" "port" 8000 "cache_dir" "/cache" "shutdown_grace" .Values.shutdownGrace -}}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml -}}
{{- end -}}

{{- define "dolly.hardened" -}}
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The environment of Ray's containers; the argument is ray.huggingFace. */}}
{{- define "dolly.rayEnv" -}}
{{- if .secret -}}
env:
  - name: HF_TOKEN
    valueFrom:
      secretKeyRef: { name: {{ .secret }}, key: {{ .key }} }
{{- end -}}
{{- end -}}

{{/* A worker's resources with its GPUs among them. */}}
{{- define "dolly.withGpus" -}}
{{- $gpus := dict "nvidia.com/gpu" .gpus -}}
{{- $own := dict "requests" $gpus "limits" $gpus -}}
{{- mergeOverwrite (deepCopy .resources) (deepCopy $own) | toYaml -}}
{{- end -}}

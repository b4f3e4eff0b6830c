/** Labels and annotations of Serving. Source: knative/serving pkg/apis/serving/register.go (names only). */

export const SERVICE_LABEL = 'serving.knative.dev/service';
export const SERVICE_UID_LABEL = 'serving.knative.dev/serviceUID';
export const CONFIGURATION_LABEL = 'serving.knative.dev/configuration';
export const CONFIGURATION_UID_LABEL = 'serving.knative.dev/configurationUID';
export const CONFIGURATION_GENERATION_LABEL = 'serving.knative.dev/configurationGeneration';
export const REVISION_LABEL = 'serving.knative.dev/revision';
export const REVISION_UID_LABEL = 'serving.knative.dev/revisionUID';
export const ROUTE_LABEL = 'serving.knative.dev/route';
export const ROUTE_NAMESPACE_LABEL = 'serving.knative.dev/routeNamespace';
export const DOMAIN_MAPPING_UID_LABEL = 'serving.knative.dev/domainMappingUID';
export const DOMAIN_MAPPING_NAMESPACE_LABEL = 'serving.knative.dev/domainMappingNamespace';
export const ROUTING_STATE_LABEL = 'serving.knative.dev/routingState';
export const DEPLOYMENT_HASH_LABEL = 'serving.knative.dev/deployment-hash';
export const APP_LABEL = 'app';

export const ROUTING_STATE_MODIFIED = 'serving.knative.dev/routingStateModified';
export const ROUTES_ANNOTATION = 'serving.knative.dev/routes';
export const LAST_PINNED = 'serving.knative.dev/lastPinned';
export const NO_GC = 'serving.knative.dev/no-gc';
export const DRY_RUN = 'features.knative.dev/podspec-dryrun';
export const CREATOR = 'serving.knative.dev/creator';
export const LAST_MODIFIER = 'serving.knative.dev/lastModifier';
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
export const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** Annotations with an older spelling: the first one present counts. */
export const ROLLOUT_DURATION = [
  'serving.knative.dev/rollout-duration',
  'serving.knative.dev/rolloutDuration',
] as const;
export const PROGRESS_DEADLINE = ['serving.knative.dev/progress-deadline'] as const;
export const INGRESS_CLASS = ['networking.knative.dev/ingress.class', 'networking.knative.dev/ingress-class'] as const;
export const CERTIFICATE_CLASS = [
  'networking.knative.dev/certificate.class',
  'networking.knative.dev/certificate-class',
] as const;
export const HTTP_PROTOCOL = ['networking.knative.dev/httpOption', 'networking.knative.dev/http-protocol'] as const;
export const DISABLE_EXTERNAL_TLS = [
  'networking.knative.dev/disableAutoTLS',
  'networking.knative.dev/disable-auto-tls',
  'networking.knative.dev/disable-external-domain-tls',
] as const;
export const INITIAL_SCALE = ['autoscaling.knative.dev/initial-scale', 'autoscaling.knative.dev/initialScale'] as const;

export const AUTOSCALING_GROUP = 'autoscaling.knative.dev';
export const VISIBILITY_LABEL = 'networking.knative.dev/visibility';
export const CLUSTER_LOCAL = 'cluster-local';
export const ROLLOUT_ANNOTATION = 'networking.internal.knative.dev/rollout';
export const TAG_TO_HOST_ANNOTATION = 'networking.internal.knative.dev/tag-to-host';
export const SERVERLESS_SERVICE_LABEL = 'networking.internal.knative.dev/serverlessservice';

export type StringMap = Readonly<Record<string, string>>;

/** The value of the first of these keys that is present. */
export function firstOf(map: StringMap | undefined, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = map?.[key];
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Union of maps, later ones winning. */
export function union(...maps: readonly (StringMap | undefined)[]): Record<string, string> {
  return Object.assign({}, ...maps) as Record<string, string>;
}

/** The map without the keys for which `drop` holds. */
export function without(map: StringMap | undefined, drop: (key: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !drop(key)));
}

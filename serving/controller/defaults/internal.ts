/** Defaulting of the internal kinds. Source: reference sections 1.2 and 1.8. */
import type { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import type { Ingress, IngressPath, IngressRule } from '../../../api/networking/ingress.ts';
import { HPA, KPA } from '../validation/autoscaling.ts';
import type { ServingContext } from '../validation/context.ts';
import { isObject, listOf } from '../validation/fields.ts';

const CLASS = 'autoscaling.knative.dev/class';
const METRIC = 'autoscaling.knative.dev/metric';
const METRICS: Readonly<Record<string, string>> = { [KPA]: 'concurrency', [HPA]: 'cpu' };

export function defaultPodAutoscaler(autoscaler: PodAutoscaler, context: ServingContext): PodAutoscaler {
  const { annotations } = autoscaler.metadata;
  const scaler = annotations?.[CLASS] ?? context.autoscaler.podAutoscalerClass;
  const metric = annotations?.[METRIC] ?? METRICS[scaler] ?? '';
  if (annotations?.[CLASS] === scaler && annotations[METRIC] === metric) return autoscaler;
  return {
    ...autoscaler,
    metadata: { ...autoscaler.metadata, annotations: { ...annotations, [CLASS]: scaler, [METRIC]: metric } },
  };
}

/** Rules are public and a lone split takes everything unless they say otherwise. */
export function defaultIngress(ingress: Ingress): Ingress {
  if (!isObject(ingress.spec) || !Array.isArray(ingress.spec.rules)) return ingress;
  return { ...ingress, spec: { ...ingress.spec, rules: ingress.spec.rules.map(defaultRule) } };
}

function defaultRule(rule: IngressRule): IngressRule {
  if (!isObject(rule)) return rule;
  const visibility = (rule.visibility as string | undefined | null) || 'ExternalIP';
  const next = { ...rule, visibility: visibility as IngressRule['visibility'] };
  const { http } = rule;
  if (!isObject(http) || !Array.isArray(http.paths)) return next;
  return { ...next, http: { ...http, paths: http.paths.map(defaultPath) } };
}

function defaultPath(path: IngressPath): IngressPath {
  if (!isObject(path)) return path;
  const [only, ...more] = listOf(path.splits);
  if (more.length > 0 || only === undefined || !isObject(only) || (only.percent ?? 0) !== 0) return path;
  return { ...path, splits: [{ ...only, percent: 100 }] };
}

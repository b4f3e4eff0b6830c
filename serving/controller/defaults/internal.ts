/** Defaulting of the internal kinds. Source: reference sections 1.2 and 1.8. */
import type { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import type { Ingress } from '../../../api/networking/ingress.ts';
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
  if (!isObject(ingress.spec)) return ingress;
  const rules = listOf(ingress.spec.rules);
  if (!rules.every((rule) => isObject(rule) && isObject(rule.http) && Array.isArray(rule.http.paths))) return ingress;
  return {
    ...ingress,
    spec: {
      ...ingress.spec,
      rules: rules.map((rule) => ({
        ...rule,
        visibility: rule.visibility ?? 'ExternalIP',
        http: {
          ...rule.http,
          paths: rule.http.paths.map((path) => {
            const [only] = listOf(path.splits);
            const whole = only !== undefined && path.splits.length === 1 && (only.percent ?? 0) === 0;
            return whole ? { ...path, splits: [{ ...only, percent: 100 }] } : path;
          }),
        },
      })),
    },
  };
}

/** The Configuration and the Route of a Service. Source: reference section 2.2. */
import { Configuration } from '../../../api/serving/configuration.ts';
import { Route } from '../../../api/serving/route.ts';
import { Service } from '../../../api/serving/service.ts';
import { apiVersionOf } from '../../../api/resource.ts';
import { controllerRef } from '../../../kube/reconciler.ts';
import {
  LAST_APPLIED,
  ROLLOUT_DURATION,
  ROUTES_ANNOTATION,
  SERVICE_LABEL,
  SERVICE_UID_LABEL,
  union,
  without,
} from '../keys.ts';

const ROLLOUT_KEYS: readonly string[] = ROLLOUT_DURATION;

/** @param existing keeps the other Routes that its `routes` annotation names */
export function makeConfiguration(service: Service, existing?: Configuration): Configuration {
  const { name, namespace, uid = '' } = service.metadata;
  const routes = new Set((existing?.metadata.annotations?.[ROUTES_ANNOTATION] ?? '').split(',').filter(Boolean));
  routes.add(name);
  return {
    apiVersion: apiVersionOf(Configuration),
    kind: Configuration.kind,
    metadata: {
      name,
      namespace,
      labels: union(service.metadata.labels, { [SERVICE_LABEL]: name, [SERVICE_UID_LABEL]: uid }),
      annotations: {
        ...without(service.metadata.annotations, (key) => key === LAST_APPLIED || ROLLOUT_KEYS.includes(key)),
        [ROUTES_ANNOTATION]: [...routes].sort().join(','),
      },
      ownerReferences: [controllerRef(service, Service)],
    },
    spec: { template: service.spec.template },
  };
}

export function makeRoute(service: Service): Route {
  const { name, namespace } = service.metadata;
  return {
    apiVersion: apiVersionOf(Route),
    kind: Route.kind,
    metadata: {
      name,
      namespace,
      labels: union(service.metadata.labels, { [SERVICE_LABEL]: name }),
      annotations: without(service.metadata.annotations, (key) => key === LAST_APPLIED),
      ownerReferences: [controllerRef(service, Service)],
    },
    spec: {
      traffic: (service.spec.traffic ?? []).map((target) =>
        target.revisionName === undefined || target.revisionName === ''
          ? { ...target, configurationName: name }
          : target,
      ),
    },
  };
}

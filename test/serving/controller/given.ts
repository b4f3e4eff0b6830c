/** Objects as they stand in a cluster, for tables of passes. */
import type { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import type { Deployment, Pod } from '../../../api/core.ts';
import type { Condition, KubeObject, OwnerReference } from '../../../api/object.ts';
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { Revision, RevisionSpec } from '../../../api/serving/revision.ts';
import type { Route, TrafficTarget } from '../../../api/serving/route.ts';
import type { Service } from '../../../api/serving/service.ts';

export const BEFORE = '2026-11-24T11:00:00Z';

/** Changes laid over an object, maps merged, the rest replaced. */
export type Changes = { readonly [key: string]: unknown };

export function over<T>(object: T, changes: Changes): T {
  const copy = structuredClone(object) as Record<string, unknown>;
  for (const [key, value] of Object.entries(changes)) {
    const old = copy[key];
    const merge = isMap(old) && isMap(value);
    if (value === undefined) delete copy[key];
    else copy[key] = merge ? over(old, value) : value;
  }
  return copy as T;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function ownedBy(kind: string, name: string, apiVersion = 'serving.knative.dev/v1'): OwnerReference {
  return { apiVersion, kind, name, uid: `uid-of-${name}`, controller: true, blockOwnerDeletion: true };
}

const meta = (name: string, kind: string) => ({ name, namespace: 'ns', uid: `uid-of-${name}`, generation: 1, kind });

function object<T extends KubeObject>(apiVersion: string, kind: string, name: string, rest: object): T {
  const { kind: _, ...metadata } = meta(name, kind);
  return over({ apiVersion, kind, metadata }, rest as Changes) as unknown as T;
}

export const SPEC: RevisionSpec = {
  containers: [
    {
      name: 'user-container',
      image: 'img',
      resources: {},
      readinessProbe: { tcpSocket: { port: 0 }, successThreshold: 1 },
    },
  ],
  timeoutSeconds: 300,
  containerConcurrency: 0,
  enableServiceLinks: false,
};

/** Conditions from `Type=Status` or `Type=Status Reason: message`. */
export function conditions(...lines: string[]): Condition[] {
  return lines.map((line) => {
    const [, type = '', status = '', reason, message] = /^(\w+)=(\w+)(?: (\w+)(?:: (.*))?)?$/.exec(line) ?? [];
    return {
      type,
      status: status as Condition['status'],
      ...(type === 'Active' || type === 'ActivatorEndpointsPopulated' ? { severity: 'Info' } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      lastTransitionTime: BEFORE,
    };
  });
}

const V1 = 'serving.knative.dev/v1';

export function aService(changes: Changes = {}): Service {
  const spec = { template: { spec: SPEC }, traffic: [{ latestRevision: true, percent: 100 }] };
  return over(object<Service>(V1, 'Service', 'svc', { spec }), changes);
}

export function aConfiguration(changes: Changes = {}): Configuration {
  return over(object<Configuration>(V1, 'Configuration', 'svc', { spec: { template: { spec: SPEC } } }), changes);
}

export function aRevision(name: string, changes: Changes = {}): Revision {
  const generation = /-(\d{5})$/.exec(name)?.[1];
  const metadata = {
    labels: {
      'serving.knative.dev/configuration': 'svc',
      'serving.knative.dev/service': 'svc',
      ...(generation === undefined
        ? {}
        : { 'serving.knative.dev/configurationGeneration': String(Number(generation)) }),
    },
    ownerReferences: [ownedBy('Configuration', 'svc')],
  };
  return over(object<Revision>(V1, 'Revision', name, { metadata, spec: SPEC }), changes);
}

export const READY = {
  status: {
    observedGeneration: 1,
    conditions: conditions('ContainerHealthy=True', 'Ready=True', 'ResourcesAvailable=True'),
  },
};

export function aRoute(traffic: TrafficTarget[], changes: Changes = {}): Route {
  return over(object<Route>(V1, 'Route', 'svc', { spec: { traffic } }), changes);
}

export function aDeployment(revision: string, changes: Changes = {}): Deployment {
  const name = `${revision}-deployment`;
  const base = object<Deployment>('apps/v1', 'Deployment', name, {
    metadata: { ownerReferences: [ownedBy('Revision', revision)] },
    spec: { replicas: 1, selector: { matchLabels: { 'serving.knative.dev/revisionUID': `uid-of-${revision}` } } },
  });
  return over(base, changes);
}

export function aPodAutoscaler(revision: string, changes: Changes = {}): PodAutoscaler {
  const base = object<PodAutoscaler>('autoscaling.internal.knative.dev/v1alpha1', 'PodAutoscaler', revision, {
    metadata: { ownerReferences: [ownedBy('Revision', revision)] },
    spec: {
      containerConcurrency: 0,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: `${revision}-deployment` },
      reachability: '',
      protocolType: 'http1',
    },
  });
  return over(base, changes);
}

export function aPod(revision: string, changes: Changes = {}): Pod {
  const labels = { 'serving.knative.dev/revisionUID': `uid-of-${revision}` };
  return over(object<Pod>('v1', 'Pod', `${revision}-pod`, { metadata: { labels } }), changes);
}

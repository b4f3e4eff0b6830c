/** Between the version an object is stored in and the one it is asked for in. */
import type { KubeObject } from '../../api/object.ts';
import { isObject } from './json.ts';
import { groupVersion, type KindInfo } from './registry.ts';
import type { Body } from './body.ts';

/** As the request's version shows it. The same object when the versions are equal. */
export function fromStorage(info: KindInfo, object: KubeObject): KubeObject {
  const apiVersion = groupVersion(info);
  if (object.apiVersion === apiVersion && object.kind === info.kind) return object;
  if (info.group === 'events.k8s.io') return toNewEvent(object);
  if (info.group === 'autoscaling')
    return info.version === 'v1' ? toAutoscalerV1(object as Body) : toAutoscalerV2(object as Body);
  return { ...object, apiVersion, kind: info.kind };
}

/** As it is stored. */
export function toStorage(info: KindInfo, object: KubeObject): KubeObject {
  if (info.group === 'events.k8s.io') return toCoreEvent(object);
  if (info.group === 'autoscaling') return toAutoscalerV2(object as Body);
  if (info.version === info.storageVersion) return object;
  return { ...object, apiVersion: groupVersion({ group: info.group, version: info.storageVersion }) };
}

const EVENT_NAMES = [
  ['message', 'note'],
  ['involvedObject', 'regarding'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
] as const;

function toNewEvent(object: KubeObject): KubeObject {
  return renamed(object, 'events.k8s.io/v1', EVENT_NAMES);
}

function toCoreEvent(object: KubeObject): KubeObject {
  return renamed(
    object,
    'v1',
    EVENT_NAMES.map(([core, fresh]) => [fresh, core] as const),
  );
}

function renamed(
  object: KubeObject,
  apiVersion: string,
  names: readonly (readonly [from: string, to: string])[],
): KubeObject {
  const result: Body = { ...object, apiVersion };
  for (const [from, to] of names) {
    if (!(from in result)) continue;
    result[to] = result[from];
    delete result[from];
  }
  return result;
}

/** v1 knows one metric, average CPU use; what else v2 says is kept in annotations by Kubernetes, and left out here. */
function toAutoscalerV1(object: Body): KubeObject {
  const spec = isObject(object.spec) ? { ...object.spec } : {};
  const status = isObject(object.status) ? { ...object.status } : undefined;
  const target = cpuOf(spec.metrics, 'target');
  if (target !== undefined) spec.targetCPUUtilizationPercentage = target;
  delete spec.metrics;
  delete spec.behavior;
  const result: Body = { ...object, apiVersion: 'autoscaling/v1', spec };
  if (status !== undefined) {
    const current = cpuOf(status.currentMetrics, 'current');
    if (current !== undefined) status.currentCPUUtilizationPercentage = current;
    delete status.currentMetrics;
    delete status.conditions;
    result.status = status;
  }
  return result;
}

function toAutoscalerV2(object: Body): Body {
  if (object.apiVersion !== 'autoscaling/v1') return object;
  const spec = isObject(object.spec) ? { ...object.spec } : {};
  const target = spec.targetCPUUtilizationPercentage;
  delete spec.targetCPUUtilizationPercentage;
  if (typeof target === 'number')
    spec.metrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } },
      },
    ];
  return { ...object, apiVersion: 'autoscaling/v2', spec };
}

function cpuOf(metrics: unknown, side: 'target' | 'current'): number | undefined {
  if (!Array.isArray(metrics)) return undefined;
  for (const metric of metrics) {
    if (!isObject(metric) || !isObject(metric.resource) || metric.resource.name !== 'cpu') continue;
    const value = metric.resource[side];
    if (isObject(value) && typeof value.averageUtilization === 'number') return value.averageUtilization;
  }
  return undefined;
}

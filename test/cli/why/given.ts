/** Objects as a cluster would have them, with what a test says about them. */
import type { KubeObject } from '../../../api/object.ts';
import type { Graph, ObjectEvent } from '../../../cli/why/graph.ts';

export const NOW = Date.parse('2026-11-25T12:00:00Z');
const EARLIER = '2026-11-25T11:58:00Z';

export type Given = Record<string, unknown>;

/** @param rest `spec`, `status`, and `metadata` beyond the name */
export function object(apiVersion: string, kind: string, name: string, rest: Given = {}): KubeObject {
  const { metadata, ...more } = rest;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace: 'shop',
      uid: `${kind}-${name}`,
      generation: 1,
      creationTimestamp: EARLIER,
      ...(metadata as object | undefined),
    },
    ...more,
  };
}

/** `[type, status, reason, message]`. */
export type GivenCondition = readonly [type: string, status: string, reason?: string, message?: string];

export function status(conditions: readonly GivenCondition[], more: Given = {}): Given {
  return {
    observedGeneration: 1,
    conditions: conditions.map(([type, value, reason, message]) => ({
      type,
      status: value,
      lastTransitionTime: EARLIER,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    })),
    ...more,
  };
}

export function owned(kind: string, name: string): Given {
  return { ownerReferences: [{ apiVersion: 'v1', kind, name, uid: `${kind}-${name}`, controller: true }] };
}

export function graph(subject: KubeObject, others: readonly KubeObject[] = [], more: Partial<Graph> = {}): Graph {
  const { kind, apiVersion, metadata } = subject;
  return {
    subject: {
      kind,
      group: apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '',
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      name: metadata.name,
    },
    objects: [subject, ...others],
    absent: [],
    missingKinds: [],
    events: [],
    logs: [],
    coldStarts: [],
    deliveries: [],
    local: false,
    defaultNamespace: 'default',
    now: NOW,
    ...more,
  };
}

export function warning(about: KubeObject, reason: string, message: string): ObjectEvent {
  const { kind } = about;
  const { name, uid } = about.metadata;
  return { type: 'Warning', reason, message, lastTimestamp: EARLIER, involvedObject: { kind, name, uid } };
}

/** A pod with one container in a state. */
export function pod(
  containerStatus: Given | undefined,
  more: { spec?: Given; status?: Given; metadata?: Given } = {},
): KubeObject {
  const ready = containerStatus?.['ready'] === true;
  return object('v1', 'Pod', 'web-1', {
    metadata: more.metadata,
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'user-container', image: 'registry.test/web:1', ports: [{ containerPort: 8080 }] }],
      ...more.spec,
    },
    status: {
      phase: 'Running',
      conditions: status([
        ['PodScheduled', 'True'],
        ['Ready', ready ? 'True' : 'False', 'ContainersNotReady'],
      ])['conditions'],
      ...(containerStatus === undefined
        ? {}
        : { containerStatuses: [{ name: 'user-container', restartCount: 0, ready: false, ...containerStatus }] }),
      ...more.status,
    },
  });
}

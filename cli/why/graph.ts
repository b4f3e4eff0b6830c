/** Everything that was fetched about one object, as data: what the diagnosis is made from, and what tests record. */
import type { Condition, DuckStatus, KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import type { Finding } from './diagnosis.ts';

export interface Reference {
  readonly kind: string;
  /** '' for the core group. */
  readonly group: string;
  readonly namespace?: string;
  readonly name: string;
}

/** core/v1 Event, as far as it is read here. */
export interface ObjectEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly involvedObject: { readonly kind?: string; readonly name?: string; readonly uid?: string };
}

/** The end of what a container wrote. */
export interface LogTail {
  readonly pod: string;
  readonly container: string;
  /** Of the run before the present one. */
  readonly previous: boolean;
  readonly lines: readonly string[];
}

export interface LastColdStart {
  readonly revision: string;
  /** When it ended, ms since the epoch. */
  readonly at: number;
  /** Seconds by phase, `total` among them. */
  readonly phases: Readonly<Record<string, number>>;
}

/** How a Trigger's deliveries go, as the broker tells. */
export interface DeliveryReport {
  readonly trigger: string;
  readonly owed: number;
  readonly retrying: number;
  readonly deliveredAt?: number;
  readonly failure?: {
    readonly at: number;
    readonly destination: string;
    readonly status?: number;
    readonly message: string;
    readonly outcome: string;
  };
}

export interface Graph {
  readonly subject: Reference;
  readonly objects: readonly KubeObject[];
  /** Looked for and not there. */
  readonly absent: readonly Reference[];
  /** `KIND.GROUP` of kinds that the server does not know. */
  readonly missingKinds: readonly string[];
  readonly events: readonly ObjectEvent[];
  readonly logs: readonly LogTail[];
  readonly coldStarts: readonly LastColdStart[];
  readonly deliveries: readonly DeliveryReport[];
  /** The server is the embedded one of `zeroth up`. */
  readonly local: boolean;
  /** The namespace that commands mean when none is named. */
  readonly defaultNamespace: string;
  /** ms since the epoch. */
  readonly now: number;
}

/** Explains any other object; undefined for a kind that nothing is known about. */
export type Explain = (graph: Graph, object: KubeObject) => Finding | undefined;

export function all<T extends KubeObject>(graph: Graph, type: ResourceType<T>): T[] {
  return graph.objects.filter((object): object is T => isKind(object, type));
}

export function find<T extends KubeObject>(
  graph: Graph,
  type: ResourceType<T>,
  namespace: string | undefined,
  name: string | undefined,
): T | undefined {
  return all(graph, type).find(
    ({ metadata }) => metadata.name === name && (!type.namespaced || (metadata.namespace ?? '') === (namespace ?? '')),
  );
}

export function isKind<T extends KubeObject>(object: KubeObject, type: ResourceType<T>): object is T {
  return object.kind === type.kind && groupOf(object) === type.group;
}

export function groupOf({ apiVersion }: { readonly apiVersion: string }): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

export function referenceTo(object: KubeObject): Reference {
  const { namespace, name } = object.metadata;
  return { kind: object.kind, group: groupOf(object), ...(namespace === undefined ? {} : { namespace }), name };
}

export function isAbsent(graph: Graph, { kind, group }: { kind: string; group: string }, name: string): boolean {
  return graph.absent.some((one) => one.kind === kind && one.group === group && one.name === name);
}

export function isOwnedBy(object: KubeObject, owner: KubeObject): boolean {
  return (object.metadata.ownerReferences ?? []).some(({ uid }) => uid === owner.metadata.uid);
}

/** Warnings about an object, the newest last. */
export function warningsOf(graph: Graph, object: KubeObject): ObjectEvent[] {
  return graph.events
    .filter(
      ({ type, involvedObject: { uid, kind, name } }) =>
        type === 'Warning' &&
        (uid === undefined ? kind === object.kind && name === object.metadata.name : uid === object.metadata.uid),
    )
    .sort((a, b) => timeOf(a) - timeOf(b));
}

function timeOf({ lastTimestamp, eventTime }: ObjectEvent): number {
  return Date.parse(lastTimestamp ?? eventTime ?? '') || 0;
}

/** A status as Knative and Kubernetes write it: conditions, and the generation they are about. */
export function statusOf(object: KubeObject): DuckStatus | undefined {
  if (!('status' in object)) return undefined;
  const { status } = object;
  return typeof status === 'object' && status !== null ? status : undefined;
}

export function conditionsOf(object: KubeObject): readonly Condition[] {
  const { conditions } = statusOf(object) ?? {};
  return Array.isArray(conditions) ? conditions : [];
}

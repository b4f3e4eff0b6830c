/** Fetches what an explanation needs: the object, what it is made of, events, last log lines, what the parts measured. */
import { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { Deployment, Pod, ReplicaSet } from '../../api/core.ts';
import { Broker } from '../../api/eventing/broker.ts';
import { Trigger } from '../../api/eventing/trigger.ts';
import { Certificate, ClusterDomainClaim } from '../../api/networking/certificate.ts';
import { Ingress } from '../../api/networking/ingress.ts';
import type { Json, KubeObject } from '../../api/object.ts';
import { resourcePath, type ResourceType } from '../../api/resource.ts';
import { Configuration } from '../../api/serving/configuration.ts';
import { DomainMapping } from '../../api/serving/domain-mapping.ts';
import { Revision } from '../../api/serving/revision.ts';
import { Route } from '../../api/serving/route.ts';
import { Service } from '../../api/serving/service.ts';
import { brokerOf } from '../../eventing/trigger/names.ts';
import { ServerError, type Cluster } from '../cluster.ts';
import { CommandError } from '../errors.ts';
import { isObject } from '../json.ts';
import { kindOf } from '../kinds.ts';
import { pagesOf } from '../part-pages.ts';
import { parseSamples } from '../prometheus-text.ts';
import type { StateFolder } from '../state.ts';
import {
  groupOf,
  isKind,
  referenceTo,
  type DeliveryReport,
  type Graph,
  type LastColdStart,
  type LogTail,
  type ObjectEvent,
  type Reference,
} from './graph.ts';
import { isUnknownKind, itemsOf, objectOf } from './subject.ts';

/** Objects of one list. */
const MOST = 500;
const MOST_EVENTS = 1_000;
/** Pods whose logs are read. */
const MOST_LOGS = 4;
const LOG_LINES = 10;
const LOG_BYTES = 16_384;

const SERVICE = 'serving.knative.dev/service';
const CONFIGURATION = 'serving.knative.dev/configuration';
const REVISION = 'serving.knative.dev/revision';
const ROUTE = 'serving.knative.dev/route';

/** Throws `CommandError` when the server cannot be reached. */
export async function gather(cluster: Cluster, state: StateFolder, subject: KubeObject, now: number): Promise<Graph> {
  const gatherer = new Gatherer(cluster, subject.metadata.namespace);
  const [local] = await Promise.all([isLocal(cluster), gatherer.take(subject)]);
  const objects = [...gatherer.objects.values()];
  const [events, logs, coldStarts, deliveries] = await Promise.all([
    eventsOf(cluster, subject.metadata.namespace, objects),
    logsOf(cluster, objects),
    coldStartsOf(cluster, state, local, objects),
    isKind(subject, Trigger) ? deliveriesOf(cluster, state, subject) : [],
  ]);
  return {
    subject: referenceTo(subject),
    objects,
    absent: gatherer.absent,
    missingKinds: [...gatherer.missingKinds],
    events,
    logs,
    coldStarts,
    deliveries,
    local,
    defaultNamespace: cluster.defaultNamespace,
    now,
  };
}

class Gatherer {
  readonly objects = new Map<string, KubeObject>();
  readonly absent: Reference[] = [];
  readonly missingKinds = new Set<string>();
  readonly #cluster: Cluster;
  readonly #namespace: string | undefined;
  readonly #asked = new Set<string>();

  constructor(cluster: Cluster, namespace: string | undefined) {
    this.#cluster = cluster;
    this.#namespace = namespace;
  }

  /** Adds an object and what its explanation looks at. */
  async take(object: KubeObject): Promise<void> {
    const key = keyOf(object);
    if (this.objects.has(key)) return;
    this.objects.set(key, object);
    const { name, labels = {} } = object.metadata;
    if (isKind(object, Service)) await this.#service(name);
    else if (isKind(object, Configuration))
      await Promise.all([this.#list(Revision, CONFIGURATION, name), this.#pods(CONFIGURATION, name)]);
    else if (isKind(object, Revision))
      await Promise.all([this.#pods(REVISION, name), this.#get(PodAutoscaler, this.#namespace, name)]);
    else if (isKind(object, Route)) await this.#route(object);
    else if (isKind(object, PodAutoscaler)) await this.#pods(REVISION, name);
    else if (isKind(object, Deployment) || isKind(object, ReplicaSet)) await this.#workload(object);
    else if (isKind(object, DomainMapping)) await this.#domainMapping(object);
    else if (isKind(object, Trigger)) await this.#trigger(object);
    else if (isKind(object, Pod) && labels[REVISION] !== undefined)
      await this.#get(Revision, this.#namespace, labels[REVISION]);
  }

  async #service(name: string): Promise<void> {
    await Promise.all([
      this.#get(Configuration, this.#namespace, name),
      this.#get(Route, this.#namespace, name),
      this.#get(Ingress, this.#namespace, name),
      this.#list(Revision, SERVICE, name),
      this.#list(Certificate, ROUTE, name),
      this.#pods(SERVICE, name),
    ]);
  }

  async #pods(label: string, value: string): Promise<void> {
    await Promise.all([PodAutoscaler, Deployment, ReplicaSet, Pod].map((type) => this.#list(type, label, value)));
  }

  async #route({ metadata: { name }, spec: { traffic = [] } }: Route): Promise<void> {
    await Promise.all([
      this.#get(Ingress, this.#namespace, name),
      this.#list(Certificate, ROUTE, name),
      ...traffic.flatMap(({ revisionName, configurationName }) => [
        ...(revisionName === undefined ? [] : [this.#get(Revision, this.#namespace, revisionName)]),
        ...(configurationName === undefined ? [] : [this.#get(Configuration, this.#namespace, configurationName)]),
      ]),
    ]);
    // What there is instead of a target that is missing.
    if (this.absent.some(({ kind }) => kind === Revision.kind)) await this.#listAll(Revision);
  }

  async #workload(object: KubeObject): Promise<void> {
    const selector = selectorOf(object);
    const [label, value] = Object.entries(selector)[0] ?? [];
    if (label === undefined || value === undefined) return;
    await Promise.all([
      this.#list(Pod, label, value),
      ...(object.kind === Deployment.kind ? [this.#list(ReplicaSet, label, value)] : []),
    ]);
  }

  async #domainMapping({ metadata: { name, namespace }, spec: { ref } }: DomainMapping): Promise<void> {
    await Promise.all([
      this.#reference(ref, namespace),
      this.#get(ClusterDomainClaim, undefined, name),
      this.#get(Ingress, namespace, name),
      this.#listAll(Certificate),
    ]);
  }

  async #trigger(trigger: Trigger): Promise<void> {
    const { namespace } = trigger.metadata;
    const broker = await this.#get(Broker, namespace, brokerOf(trigger));
    await Promise.all([
      broker === undefined ? this.#listAll(Broker) : undefined,
      this.#reference(trigger.spec.subscriber.ref, namespace),
      this.#reference(trigger.spec.delivery?.deadLetterSink?.ref, namespace),
    ]);
  }

  /** An object of any kind, and when it is missing the others of its kind. */
  async #reference(
    ref: { kind: string; name: string; namespace?: string; apiVersion?: string; group?: string } | undefined,
    namespace: string | undefined,
  ): Promise<void> {
    if (ref === undefined) return;
    const known = KNOWN.find(
      (type) => type.kind === ref.kind && type.group === (ref.group ?? groupOf({ apiVersion: ref.apiVersion ?? '' })),
    );
    const type = known ?? (await this.#kindOf(ref));
    if (type === undefined) return;
    const found = await this.#get(type, ref.namespace ?? namespace, ref.name);
    if (found === undefined && this.absent.some(({ kind, name }) => kind === ref.kind && name === ref.name))
      await this.#listAll(type, ref.namespace ?? namespace);
  }

  async #kindOf({ kind, apiVersion = '' }: { kind: string; apiVersion?: string }): Promise<ResourceType | undefined> {
    try {
      return await kindOf(this.#cluster, { kind, apiVersion });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.missingKinds.add(`${kind}.${groupOf({ apiVersion })}`);
      return undefined;
    }
  }

  async #get(type: ResourceType, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    const path = resourcePath(type, namespace, name);
    const object = objectOf(await this.#send(path, type, { kind: type.kind, group: type.group, namespace, name }));
    if (object !== undefined) await this.take(object);
    return object;
  }

  async #list(type: ResourceType, label: string, value: string): Promise<void> {
    const query = new URLSearchParams({ labelSelector: `${label}=${value}`, limit: String(MOST) });
    await this.#listPath(type, `${resourcePath(type, this.#namespace)}?${query.toString()}`);
  }

  async #listAll(type: ResourceType, namespace = this.#namespace): Promise<void> {
    await this.#listPath(type, `${resourcePath(type, namespace)}?limit=${MOST}`);
  }

  /** What is listed is not followed further: whoever lists it lists what belongs to it. */
  async #listPath(type: ResourceType, path: string): Promise<void> {
    for (const object of itemsOf(await this.#send(path, type), type)) {
      const key = keyOf(object);
      if (!this.objects.has(key)) this.objects.set(key, object);
    }
  }

  async #send(path: string, type: ResourceType, reference?: Reference): Promise<Json | undefined> {
    if (this.#asked.has(path)) return undefined;
    this.#asked.add(path);
    try {
      return await this.#cluster.send({ path });
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      if (error.status !== 404 && error.status !== 403) throw error;
      if (isUnknownKind(error)) this.missingKinds.add(`${type.kind}.${type.group}`);
      else if (error.status === 404 && reference !== undefined) this.absent.push(reference);
      return undefined;
    }
  }
}

const KNOWN: readonly ResourceType[] = [Service, Broker, Route, Configuration, Revision];

function keyOf({ apiVersion, kind, metadata: { namespace = '', name } }: KubeObject): string {
  return `${groupOf({ apiVersion })}/${kind}/${namespace}/${name}`;
}

function selectorOf(object: object): Readonly<Record<string, string>> {
  if (!('spec' in object) || typeof object.spec !== 'object' || object.spec === null || !('selector' in object.spec))
    return {};
  const { selector } = object.spec;
  if (typeof selector !== 'object' || selector === null || !('matchLabels' in selector)) return {};
  const { matchLabels } = selector;
  return typeof matchLabels === 'object' && matchLabels !== null ? { ...matchLabels } : {};
}

async function isLocal(cluster: Cluster): Promise<boolean> {
  const version = await optional(cluster.send({ path: '/version' }));
  return isObject(version) && String(version['gitVersion']).includes('+zeroth');
}

async function eventsOf(
  cluster: Cluster,
  namespace: string | undefined,
  objects: readonly KubeObject[],
): Promise<ObjectEvent[]> {
  if (namespace === undefined) return [];
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events?limit=${MOST_EVENTS}&fieldSelector=type%3DWarning`;
  const list = await optional(cluster.send({ path }));
  const items: unknown[] = isObject(list) && Array.isArray(list['items']) ? list['items'] : [];
  const uids = new Set(objects.map(({ metadata }) => metadata.uid));
  // Pods of a revision that was given up are gone; what happened to them is not.
  const prefixes = objects.filter((one) => isKind(one, Revision)).map(({ metadata }) => `${metadata.name}-deployment-`);
  const ofRevision = (name = ''): boolean => prefixes.some((prefix) => name.startsWith(prefix));
  return items
    .filter(isEvent)
    .filter(
      ({ involvedObject: { uid, kind, name } }) =>
        (uid !== undefined && uids.has(uid)) || (kind === 'Pod' && ofRevision(name)),
    );
}

function isEvent(value: unknown): value is ObjectEvent {
  return (
    typeof value === 'object' && value !== null && 'involvedObject' in value && typeof value.involvedObject === 'object'
  );
}

/** Of the newest pods that are not ready, what their failing containers wrote last. */
async function logsOf(cluster: Cluster, objects: readonly KubeObject[]): Promise<LogTail[]> {
  const wanted = objects
    .filter((object): object is Pod => isKind(object, Pod))
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && !isPodReady(status))
    .sort((a, b) => Date.parse(b.metadata.creationTimestamp ?? '') - Date.parse(a.metadata.creationTimestamp ?? ''))
    .slice(0, MOST_LOGS)
    .flatMap(({ metadata: { namespace, name: pod }, status }) =>
      [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
        .filter(
          ({ ready, state, lastState }) =>
            !ready && (state?.running ?? state?.terminated ?? lastState?.terminated) !== undefined,
        )
        .map(({ name: container, state, restartCount }) => ({
          namespace,
          pod,
          container,
          // Of one that runs again, what the run before said is wanted too.
          again: restartCount > 0 && state?.running !== undefined,
          restarted: restartCount > 0,
        })),
    );
  const tails = await Promise.all(
    wanted.map(async ({ namespace, pod, container, again, restarted }): Promise<LogTail[]> => {
      const read = async (previous: boolean): Promise<LogTail[]> => {
        const query = new URLSearchParams({ container, tailLines: String(LOG_LINES), limitBytes: String(LOG_BYTES) });
        if (previous) query.set('previous', 'true');
        const path = `${resourcePath(Pod, namespace, pod, 'log')}?${query.toString()}`;
        const text = (await optional(cluster.sendForText({ path }))) ?? '';
        return text === '' ? [] : [{ pod, container, previous, lines: text.trimEnd().split('\n') }];
      };
      const now = await read(false);
      return again || (restarted && now.length === 0) ? [...now, ...(await read(true))] : now;
    }),
  );
  return tails.flat();
}

function isPodReady(status: Pod['status']): boolean {
  return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
}

async function coldStartsOf(
  cluster: Cluster,
  state: StateFolder,
  local: boolean,
  objects: readonly KubeObject[],
): Promise<LastColdStart[]> {
  const revisions = objects.filter((object) => isKind(object, Revision));
  if (revisions.length === 0) return [];
  // The embedded server's own page, wherever its state folder is.
  const pages = local
    ? [await optional(cluster.sendForText({ path: '/metrics' }))]
    : await pagesOf(cluster, state, 'autoscaler', '/metrics');
  const samples = pages.flatMap((page) =>
    parseSamples(page ?? '', (name) => name.startsWith('zeroth_cold_start_last_')),
  );
  return revisions.flatMap(({ metadata: { namespace, name } }) => {
    const own = samples.filter(
      ({ labels }) => labels['namespace_name'] === namespace && labels['revision_name'] === name,
    );
    const at = own.find((sample) => sample.name === 'zeroth_cold_start_last_timestamp_seconds')?.value;
    if (at === undefined) return [];
    const phases = own.flatMap(({ labels: { phase }, value }) =>
      phase === undefined ? [] : [[phase, value] as const],
    );
    return [{ revision: name, at: at * 1000, phases: Object.fromEntries(phases) }];
  });
}

async function deliveriesOf(cluster: Cluster, state: StateFolder, trigger: KubeObject): Promise<DeliveryReport[]> {
  const pages = await pagesOf(cluster, state, 'broker', '/status');
  return pages.flatMap((page) => {
    const value = parseJson(page);
    const triggers = isObject(value) && Array.isArray(value['triggers']) ? value['triggers'] : [];
    return triggers
      .filter(
        (one) =>
          isObject(one) && one['namespace'] === trigger.metadata.namespace && one['name'] === trigger.metadata.name,
      )
      .flatMap((one) => (isReport(one) ? [{ ...one, trigger: trigger.metadata.name }] : []));
  });
}

function isReport(value: unknown): value is Omit<DeliveryReport, 'trigger'> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'owed' in value &&
    typeof value.owed === 'number' &&
    'retrying' in value
  );
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** What helps and is not needed: a refusal leaves it out. */
async function optional<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ServerError) return undefined;
    throw error;
  }
}

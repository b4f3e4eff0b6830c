/**
 * Empties a namespace that is being deleted, then lets it go. Nothing polls: each object that goes wakes its namespace.
 * Source: Kubernetes, "Namespaces"; the finalizer `kubernetes` in spec and the `finalize` subresource.
 */
import { Namespace } from '../../../api/core.ts';
import { resourceKey, resourcePath, resourceType, type ResourceType } from '../../../api/resource.ts';
import type { Client } from '../../../kube/client.ts';
import type { Clock } from '../../../kube/clock.ts';
import { ApiError, asStatus, isConflict, isNotFound } from '../../../kube/errors.ts';
import { deepEqual } from '../../../kube/equal.ts';
import type { Informer } from '../../../kube/informer.ts';
import type { Logger } from '../../../kube/log.ts';
import { WorkQueue } from '../../../kube/queue.ts';
import type { OwnerGraph } from '../gc/graph.ts';
import { millis } from '../timestamps.ts';
import { deletionStatus, type NamespaceContent } from './deletion-status.ts';

const FINALIZER = 'kubernetes';
/** Milliseconds between two status writes of a namespace that does not go. */
const REPORT_EVERY = 1_000;

/** Not in the graph, but deleted with their namespace. */
const EVENTS = resourceType('v1', 'Event', 'events');

export interface NamespaceDeletionOptions {
  readonly client: Client;
  readonly graph: OwnerGraph;
  readonly namespaces: Informer<Namespace>;
  readonly log: Logger;
  readonly clock: Clock;
}

/** @returns what stops it */
export function startNamespaceDeletion(options: NamespaceDeletionOptions): () => Promise<void> {
  const { client, graph, namespaces, log, clock } = options;
  const queue = new WorkQueue(process, { workers: 4, clock });
  const reported = new Map<string, number>();

  async function process(name: string): Promise<void> {
    const namespace = namespaces.get(undefined, name);
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return;
    try {
      const content = await empty(name);
      if (content.remaining.length === 0 && content.failures.length === 0) await finalize(namespace);
      else await report(namespace, content);
      if (content.failures.length > 0) throw new Error(content.failures.join('; '));
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isConflict(error)) log.warn('namespace not emptied, trying again', { namespace: name, error });
      throw error;
    }
  }

  /** Asks for the deletion of all there is, once for each kind, and tells what is left. */
  async function empty(namespace: string): Promise<NamespaceContent> {
    const kinds = new Map<string, ResourceType>();
    for (const { type, object } of graph.inNamespace(namespace)) {
      if (object.metadata.deletionTimestamp === undefined) kinds.set(resourceKey(type), type);
    }
    const failures = await deleteAll(namespace, [...kinds.values()]);
    if (graph.inNamespace(namespace).length === 0) failures.push(...(await deleteAll(namespace, [EVENTS])));
    const remaining = graph.inNamespace(namespace).map(({ type, object }) => ({
      resource: `${type.plural}.${type.group}`,
      finalizers: object.metadata.finalizers ?? [],
    }));
    return { remaining, failures };
  }

  /** @returns why kinds were refused */
  async function deleteAll(namespace: string, kinds: readonly ResourceType[]): Promise<string[]> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' };
    const answers = await Promise.all(
      kinds.map((type) => client.transport.request({ method: 'DELETE', path: resourcePath(type, namespace), body })),
    );
    return answers
      .filter(({ status }) => status >= 400 && status !== 404)
      .map(({ status, body }) => new ApiError(asStatus(status, body)).message);
  }

  async function finalize(namespace: Namespace): Promise<void> {
    const { name } = namespace.metadata;
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
    const { status, body } = await client.transport.request({
      method: 'PUT',
      path: resourcePath(Namespace, undefined, name, 'finalize'),
      body: { ...namespace, spec: { ...namespace.spec, finalizers } },
    });
    if (status >= 400) throw new ApiError(asStatus(status, body));
  }

  /** Says what is left, at most once in `REPORT_EVERY`: most namespaces are gone before the first time. */
  async function report(namespace: Namespace, content: NamespaceContent): Promise<void> {
    const { name, deletionTimestamp } = namespace.metadata;
    const due = (reported.get(name) ?? millis(deletionTimestamp)) + REPORT_EVERY - clock.now();
    if (due > 0) return queue.addAfter(name, due);
    reported.set(name, clock.now());
    const status = deletionStatus(namespace, content, clock.now());
    if (!deepEqual(status, namespace.status)) await client.update(Namespace, { ...namespace, status }, 'status');
  }

  namespaces.onChange((previous, current) => {
    if (current === undefined) reported.delete(previous?.metadata.name ?? '');
    if (current?.metadata.deletionTimestamp !== undefined) queue.add(current.metadata.name);
  });
  graph.listen({
    changed: (_uid, previous, current) => {
      const { namespace } = (current ?? previous)?.object.metadata ?? {};
      if (namespace === undefined) return;
      if (namespaces.get(undefined, namespace)?.metadata.deletionTimestamp !== undefined) queue.add(namespace);
    },
  });
  return () => queue.stop();
}

/**
 * `kubectl apply` before and after server-side apply: its annotation of the last applied configuration is kept up to
 * date, and fields it holds unchanged do not conflict. Source: "Upgrading from client-side apply" in the Kubernetes docs.
 */
import type { KubeObject } from '../../../api/object.ts';
import { difference, type MaybeSet } from './field-set.ts';
import { differ, fieldsOf } from './field-walk.ts';
import type { Shape } from './shape-node.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** An annotation that would not fit is left out. */
const LONGEST = 256 * 1024;

/** The object with the annotation brought up to date, if it has one. */
export function withLastApplied<T extends KubeObject>(object: T, applied: T): T {
  const annotations = object.metadata.annotations;
  if (annotations?.[LAST_APPLIED] === undefined) return object;
  const text = `${JSON.stringify(applied)}\n`;
  if (annotations[LAST_APPLIED] === text) return object;
  const next = { ...annotations, [LAST_APPLIED]: text };
  const size = Object.entries(next).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (size > LONGEST) delete (next as Record<string, string>)[LAST_APPLIED];
  return { ...object, metadata: { ...object.metadata, annotations: next } };
}

/** Fields of the annotation that are still as they were applied; undefined when there are none. */
export function allowedByLastApplied(live: KubeObject | undefined, shape: Shape): MaybeSet {
  const text = live?.metadata.annotations?.[LAST_APPLIED];
  if (live === undefined || text === undefined || text === '') return undefined;
  let last: unknown;
  try {
    last = JSON.parse(text);
  } catch {
    return undefined; // Written by somebody else: it proves nothing.
  }
  if (typeof last !== 'object' || last === null || (last as Partial<KubeObject>).apiVersion !== live.apiVersion)
    return undefined;
  const change = differ(last, live, shape);
  return difference(difference(fieldsOf(last, shape), change?.changed), change?.removed);
}

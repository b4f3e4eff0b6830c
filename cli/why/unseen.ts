/** Objects that nobody has looked at since they were written, and those that are going away. */
import type { KubeObject } from '../../api/object.ts';
import { cause, type Finding } from './diagnosis.ts';
import { conditionsOf, type Graph } from './graph.ts';
import { isBehind } from './words.ts';
import { running } from './workload.ts';

/** What is being deleted, or was written and not looked at since. */
export function notLookedAt(graph: Graph, object: KubeObject): Finding | undefined {
  const { name, deletionTimestamp, finalizers = [], creationTimestamp } = object.metadata;
  const { kind } = object;
  if (deletionTimestamp !== undefined)
    return cause(
      { kind, name, state: 'waiting', reason: 'Terminating', since: deletionTimestamp },
      `${kind} ${name} is being deleted${finalizers.length === 0 ? '; what it owns goes first' : `; it waits for the finalizers ${finalizers.join(', ')}`}`,
    );
  const none = conditionsOf(object).length === 0;
  if (!none && !isBehind(object)) return undefined;
  return cause(
    {
      kind,
      name,
      state: 'waiting',
      reason: 'NotReconciled',
      ...(none && creationTimestamp !== undefined ? { since: creationTimestamp } : {}),
    },
    none
      ? `${kind} ${name} has no status yet: no controller has taken it up`
      : `the last change of ${kind} ${name} has not been looked at yet by its controller`,
    [running(graph)],
  );
}

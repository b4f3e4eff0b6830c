/** From everything that was fetched to what is wrong, since when, and what to do. Pure. */
import type { Diagnosis } from './diagnosis.ts';
import { explainObject } from './explain.ts';
import { groupOf, type Graph } from './graph.ts';

/** Throws when the subject itself is not in the graph, or of a kind that cannot be explained. */
export function diagnose(graph: Graph): Diagnosis {
  const { kind, group, namespace, name } = graph.subject;
  const object = graph.objects.find(
    (one) =>
      one.kind === kind &&
      groupOf(one) === group &&
      one.metadata.name === name &&
      (namespace === undefined || one.metadata.namespace === namespace),
  );
  if (object === undefined) throw new Error(`${kind} ${name} is not among what was fetched`);
  const finding = explainObject(graph, object);
  if (finding === undefined) throw new Error(`nothing is known about the kind ${kind}`);
  const since = finding.steps[0]?.since ?? object.metadata.creationTimestamp;
  return {
    ...finding,
    subject: { kind, ...(namespace === undefined ? {} : { namespace }), name },
    ready: finding.state === 'ok',
    ...(since === undefined ? {} : { since }),
  };
}

/** The `knative.dev/dependency` annotation: an object reference as JSON; the Trigger is ready when that object is. */
import type { KReference } from '../../../api/eventing/destination.ts';
import type { Trigger } from '../../../api/eventing/trigger.ts';
import { TriggerError } from '../errors.ts';
import { DEPENDENCY_ANNOTATION } from '../names.ts';
import type { Resolver } from '../resolve.ts';
import type { Dependency } from './plan.ts';
import { messageOf } from '../../../kube/message.ts';

/** Undefined without the annotation. @throws SyntaxError or TypeError when it is no JSON object */
export function dependencyRef(trigger: Trigger): KReference | undefined {
  const text = trigger.metadata.annotations?.[DEPENDENCY_ANNOTATION];
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('it is not a JSON object');
  const field = (name: string): string => {
    const part = name in value ? (value as Record<string, unknown>)[name] : '';
    if (typeof part !== 'string') throw new TypeError(`its ${name} is not a string`);
    return part;
  };
  const ref = { kind: field('kind'), name: field('name'), apiVersion: field('apiVersion') };
  const namespace = field('namespace');
  return namespace === '' ? ref : { ...ref, namespace };
}

export async function observeDependency(trigger: Trigger, resolver: Resolver): Promise<Dependency> {
  let ref: KReference | undefined;
  try {
    ref = dependencyRef(trigger);
  } catch (error) {
    const why = messageOf(error);
    return { state: 'invalid', message: `The annotation ${DEPENDENCY_ANNOTATION} is no object reference: ${why}` };
  }
  if (ref === undefined) return { state: 'none' };
  const namespace = trigger.metadata.namespace ?? '';
  try {
    const object = await resolver.find(ref, namespace);
    if (object !== undefined) return { state: 'found', object };
    return { state: 'missing', message: `Dependency does not exist: ${ref.kind} ${namespace}/${ref.name}` };
  } catch (error) {
    if (!(error instanceof TriggerError)) throw error;
    return { state: 'missing', message: `Dependency does not exist: ${error.message}` };
  }
}

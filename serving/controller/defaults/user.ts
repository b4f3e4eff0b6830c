/** Who made an object and who changed its spec last, as annotations. Source: reference section 1.6. */
import type { KubeObject } from '../../../api/object.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { CREATOR, LAST_MODIFIER } from '../keys.ts';
import type { ServingContext } from '../validation/context.ts';
import { sameSpec } from '../validation/semantic.ts';

export function withUser<T extends KubeObject & { spec?: unknown }>(
  object: T,
  old: T | undefined,
  { username }: ServingContext,
): T {
  if (old !== undefined && sameSpec(old.spec, object.spec)) return object;
  const said = old === undefined ? { [CREATOR]: username, [LAST_MODIFIER]: username } : { [LAST_MODIFIER]: username };
  const annotations = { ...object.metadata.annotations, ...said };
  return deepEqual(annotations, object.metadata.annotations)
    ? object
    : { ...object, metadata: { ...object.metadata, annotations } };
}

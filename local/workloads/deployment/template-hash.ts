/** Names a pod template, so that the same template always finds the same ReplicaSet. */
import type { PodTemplateSpec } from '../../../api/core.ts';

export const HASH_LABEL = 'pod-template-hash';

/** Letters and digits that cannot spell a word nor be mistaken for one another, as Kubernetes uses in names. */
const SAFE = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * Eight to ten letters that depend on the template and on how often its name was already taken.
 * The value differs from the one Kubernetes' own controller would give: nothing may rely on it but equality.
 */
export function templateHash(template: PodTemplateSpec, collisions = 0): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(canonical(template) + (collisions === 0 ? '' : String(collisions)))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return [...String(hash)].map((digit) => SAFE[digit.charCodeAt(0) % SAFE.length]).join('');
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

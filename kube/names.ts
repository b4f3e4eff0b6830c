/** Names of children. Source: knative.dev/pkg kmeta.ChildName (behaviour; reference section 2.1). */
import { createHash } from 'node:crypto';

const LONGEST = 63;
const HASH = 32;

/** `parent + suffix`, or a cut of it made unique by an md5 when that exceeds 63 characters. */
export function childName(parent: string, suffix: string): string {
  if (parent.length + suffix.length <= LONGEST) return parent + suffix;
  const head = LONGEST - HASH;
  if (suffix.length >= head) {
    const name = parent.slice(0, head) + md5(parent + suffix);
    return (name + suffix.slice(0, LONGEST - name.length)).replace(/[^a-zA-Z0-9]+$/, '');
  }
  return parent.slice(0, head - suffix.length) + md5(parent) + suffix;
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

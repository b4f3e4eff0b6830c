import type { KubeObject } from '../../api/object.ts';

/** An object with the members a verb may look into. */
export type Body = KubeObject & { [member: string]: unknown };

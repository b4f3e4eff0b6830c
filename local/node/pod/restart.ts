/** When a container that has ended is started again; pure. Source: Kubernetes "Container restart policy". */

export interface BackOff {
  /** Restarts since the container last ran well. */
  readonly restarts: number;
}

export const FRESH: BackOff = { restarts: 0 };

const FIRST = 10_000;
const LARGEST = 300_000;
/** A container that ran this long has recovered. */
const RECOVERED = 600_000;

/**
 * The delay before the next start in ms: none for the first, then 10 s, 20 s, … 5 min.
 * @param ranFor milliseconds the container ran before it ended
 */
export function nextRestart(before: BackOff, ranFor: number): [delay: number, after: BackOff] {
  const restarts = ranFor >= RECOVERED ? 0 : before.restarts;
  const delay = restarts === 0 ? 0 : Math.min(LARGEST, FIRST * 2 ** Math.min(restarts - 1, 20));
  return [delay, { restarts: restarts + 1 }];
}

export function restarts(policy: string | undefined, exitCode: number): boolean {
  if (policy === 'Never') return false;
  return policy === 'OnFailure' ? exitCode !== 0 : true;
}

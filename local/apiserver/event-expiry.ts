/** Events last an hour, as in Kubernetes. */
import type { KubeObject } from '../../api/object.ts';
import type { Body } from './body.ts';
import type { Core } from './verbs/call.ts';

const LIFETIME = 60 * 60 * 1000;
const PERIOD = 60 * 1000;

export function expireEvents({ store, clock, log }: Pick<Core, 'store' | 'clock' | 'log'>): () => void {
  let cancel = clock.after(PERIOD, sweep);

  function sweep(): void {
    const oldest = clock.now() - LIFETIME;
    for (const [key, event] of [...store.entries('/events')]) {
      if (lastSeen(event) > oldest || store.peek('/events', key) === undefined) continue;
      store.remove('/events', key).catch((error: unknown) => log.warn('an old event could not be removed', { error }));
    }
    cancel = clock.after(PERIOD, sweep);
  }
  return () => cancel();
}

function lastSeen(event: KubeObject): number {
  const { lastTimestamp, eventTime, metadata } = event as Body;
  const times = [lastTimestamp, eventTime, metadata.creationTimestamp].map((text) =>
    typeof text === 'string' ? Date.parse(text) : NaN,
  );
  return Math.max(0, ...times.filter((time) => !Number.isNaN(time)));
}

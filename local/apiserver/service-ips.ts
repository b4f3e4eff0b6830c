/** Keeps the table of cluster IPs in step with the Services there are. */
import type { KubeObject } from '../../api/object.ts';
import { isObject } from './json.ts';
import type { Body } from './body.ts';
import type { Core } from './verbs/call.ts';

export function followServices(core: Pick<Core, 'store' | 'ips'>): () => void {
  const { store, ips } = core;
  for (const [key, service] of store.entries('/services')) {
    const address = addressOf(service);
    if (address !== undefined) ips.take(address, key);
  }
  return store.subscribe('/services', ({ type, key, object, previous }) => {
    const before = previous === undefined ? undefined : addressOf(previous);
    const after = type === 'DELETED' ? undefined : addressOf(object);
    if (before === after) return;
    if (before !== undefined) ips.release(before, key);
    if (after !== undefined) ips.take(after, key);
  });
}

function addressOf(service: KubeObject): string | undefined {
  const { spec } = service as Body;
  if (!isObject(spec) || typeof spec.clusterIP !== 'string') return undefined;
  return spec.clusterIP === '' || spec.clusterIP === 'None' ? undefined : spec.clusterIP;
}

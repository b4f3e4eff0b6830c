/** Services created at a steady rate, and how long each one took to be ready, seen through a single watch. */
import { Service } from '../../api/serving/service.ts';
import type { Client } from '../../kube/client.ts';
import { isReady } from '../../kube/conditions.ts';

const PATIENCE = 60_000;

/**
 * @param rate Services a second; a late one does not put off the next
 * @returns milliseconds from sending each manifest to the event that says it is ready
 * @throws Error naming those that are not ready a minute after the last one was sent
 */
export async function createAtRate(client: Client, services: readonly Service[], rate: number): Promise<number[]> {
  const sent = new Map<string, number>();
  const times = new Map<string, number>();
  let allReady!: () => void;
  let failed!: (error: Error) => void;
  const done = new Promise<void>((resolve, reject) => ([allReady, failed] = [resolve, reject]));
  const { metadata } = await client.list(Service, { namespace: 'default', limit: 1 });
  const handle = client.watch(
    Service,
    { namespace: 'default', resourceVersion: metadata.resourceVersion },
    {
      onEvent: (event) => {
        if (event.type === 'ERROR') return failed(new Error(event.object.message));
        const { name } = event.object.metadata;
        const began = sent.get(name);
        if (began === undefined || times.has(name) || !isReady(event.object)) return;
        times.set(name, performance.now() - began);
        if (times.size === services.length) allReady();
      },
      onEnd: (error) => failed(error ?? new Error('the watch ended')),
    },
  );
  let late: NodeJS.Timeout | undefined;
  try {
    const creations = await paced(services, rate, (service) => {
      sent.set(service.metadata.name, performance.now());
      return client.create(Service, service);
    });
    late = setTimeout(() => {
      const missing = services.map((one) => one.metadata.name).filter((name) => !times.has(name));
      failed(new Error(`not ready a minute after the last was sent: ${missing.join(', ')}`));
    }, PATIENCE);
    await Promise.all([...creations, done]);
    return [...times.values()];
  } finally {
    clearTimeout(late);
    handle.close();
  }
}

/** Starts one task an item, each when it is due. */
async function paced<T, R>(items: readonly T[], rate: number, task: (item: T) => Promise<R>): Promise<Promise<R>[]> {
  const began = performance.now();
  const running: Promise<R>[] = [];
  for (const [i, item] of items.entries()) {
    const wait = began + (i * 1000) / rate - performance.now();
    if (wait > 0) await new Promise((due) => setTimeout(due, wait));
    const one = task(item);
    // Reported by whoever waits for all of them.
    one.catch(() => undefined);
    running.push(one);
  }
  return running;
}

import t from 'tap';
import { Configuration } from '../../../api/serving/configuration.ts';
import { Service } from '../../../api/serving/service.ts';
import { CoreEvent } from '../../../kube/events.ts';
import { failure } from '../../../kube/errors.ts';
import type { Transport } from '../../../kube/transport.ts';
import { startCluster } from './cluster.ts';
import { readyAt, run, serviceOf } from './objects.ts';

const POISON = 'poison';
const RUINED = 'ruined';

/** `poison` can never be made a Configuration of; `ruined` comes to the caches without its spec, so passes over it throw. */
function poisoned(inner: Transport, attempts: { poison: number; ruined: number }): Transport {
  return {
    request(request, signal) {
      const { method, path, body } = request;
      const name = (body as { metadata?: { name?: string } } | undefined)?.metadata?.name;
      if (method === 'POST' && path.endsWith('/configurations') && name === POISON) {
        attempts.poison++;
        return Promise.resolve({ status: 500, body: failure(500, 'InternalError', 'no such luck') });
      }
      if (path.endsWith('/events') && (body as CoreEvent).involvedObject.name === RUINED) attempts.ruined++;
      return inner.request(request, signal);
    },
    watch: (request, watcher) =>
      inner.watch(request, {
        onEvent(event) {
          const { object } = event;
          const ruined = object.kind === 'Service' && 'metadata' in object && object.metadata.name === RUINED;
          if (!ruined || event.type === 'ERROR') return watcher.onEvent(event);
          const { spec: _, ...rest } = object as Service;
          watcher.onEvent({ ...event, object: rest } as typeof event);
        },
        onEnd: (error) => watcher.onEnd(error),
      }),
  };
}

t.test('an object that cannot be reconciled is tried ever less often, and slows nobody down', async (t) => {
  const attempts = { poison: 0, ruined: 0 };
  const cluster = await startCluster({ wrap: (inner) => poisoned(inner, attempts) });
  t.teardown(() => cluster.stop());
  const { client, until } = cluster;
  await client.create(Service, serviceOf('before', run('one')));
  await until(Service, 'before', readyAt('before-00001'));
  for (const name of [POISON, RUINED]) await client.create(Service, serviceOf(name, run('one')));
  const began = Date.now();
  const names = Array.from({ length: 10 }, (_, i) => `fine-${i}`);
  await Promise.all(names.map((name) => client.create(Service, serviceOf(name, run('one')))));
  await Promise.all(names.map((name) => until(Service, name, readyAt(`${name}-00001`))));
  const seconds = (Date.now() - began) / 1000;
  t.comment(`others ready after ${seconds.toFixed(1)} s, ${attempts.poison} attempts at ${POISON}`);
  t.ok(attempts.poison > 1, 'tried again');
  // The first attempt after 5 ms, each wait twice the one before: the nth comes after about 5 · 2ⁿ ms.
  const most = Math.log2((seconds * 1000) / 5) + 4;
  t.ok(attempts.poison <= most, `${attempts.poison} attempts in ${seconds} s, at most ${most}`);
  t.ok(attempts.ruined <= 2 * most, `${attempts.ruined} errors told of ${RUINED}`);

  const stuck = await until(Service, POISON, (one) => one.status?.observedGeneration === 1);
  t.match(
    stuck.status?.conditions?.find(({ type }) => type === 'Ready'),
    {
      status: 'Unknown',
      reason: 'NewObservedGenFailure',
    },
  );
  const { items } = await client.list(CoreEvent, { namespace: 'default' });
  const told = (name: string) =>
    items
      .filter(({ involvedObject, type }) => involvedObject.name === name && type === 'Warning')
      .map(({ reason, message }) => `${reason ?? ''}: ${message ?? ''}`)
      .sort();
  t.strictSame(told(POISON), [
    'CreationFailed: Failed to create Configuration "poison": no such luck',
    'InternalError: failed to create Configuration: no such luck',
  ]);
  t.match(told(RUINED), [/^InternalError: /], 'a bug is told too');
  t.equal(await client.find(Configuration, 'default', POISON), undefined);
});

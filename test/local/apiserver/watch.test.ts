/** Watches as informers rely on them: nothing missed, nothing twice, and a clear word when the past is gone. */
import t from 'tap';
import { ConfigMap } from '../../../api/core.ts';
import type { Client } from '../../../kube/client.ts';
import type { WatchEvent, WatchHandle } from '../../../kube/transport.ts';
import { startServer } from './support.ts';

const PATH = '/api/v1/namespaces/default/configmaps';

function configMap(name: string, labels?: Record<string, string>, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', labels }, data };
}

interface Watching {
  readonly events: WatchEvent[];
  readonly handle: WatchHandle;
  readonly ended: Promise<Error | undefined>;
  texts(): string[];
}

function watch(client: Client, query: Record<string, string> = {}): Watching {
  const events: WatchEvent[] = [];
  let end: (error: Error | undefined) => void;
  const ended = new Promise<Error | undefined>((resolve) => (end = resolve));
  const handle = client.transport.watch(
    { method: 'GET', path: PATH, query: { watch: 'true', ...query } },
    { onEvent: (event) => events.push(event), onEnd: (error) => end(error) },
  );
  const texts = () =>
    events.map((event) =>
      event.type === 'ERROR'
        ? `ERROR ${event.object.code}`
        : `${event.type} ${event.object.metadata.name ?? ''}`.trim(),
    );
  return { events, handle, ended, texts };
}

t.test('a change is seen before its write is acknowledged', async (t) => {
  const { client } = await startServer(t);
  const seen = watch(client);
  await client.create(ConfigMap, configMap('a'));
  t.strictSame(seen.texts(), ['ADDED a']);
  await client.patch(ConfigMap, 'default', 'a', { data: { x: '1' } });
  await client.delete(ConfigMap, 'default', 'a');
  t.strictSame(seen.texts(), ['ADDED a', 'MODIFIED a', 'DELETED a']);
  const versions = seen.events.map((event) => Number((event.object as ConfigMap).metadata.resourceVersion));
  t.ok(versions[0]! < versions[1]! && versions[1]! < versions[2]!, 'a deletion has a version of its own');
});

t.test('a write that changes nothing makes no event', async (t) => {
  const { client } = await startServer(t);
  const created = await client.create(ConfigMap, configMap('a', undefined, { x: '1' }));
  const seen = watch(client, { resourceVersion: created.metadata.resourceVersion ?? '' });
  const updated = await client.update(ConfigMap, created);
  await client.patch(ConfigMap, 'default', 'a', { data: { x: '1' } });
  t.equal(updated.metadata.resourceVersion, created.metadata.resourceVersion);
  t.strictSame(seen.texts(), []);
});

t.test('without a version, and with 0, it begins with what there is', async (t) => {
  const { client } = await startServer(t);
  await client.create(ConfigMap, configMap('a'));
  for (const query of [{}, { resourceVersion: '0' }]) {
    const seen = watch(client, query as Record<string, string>);
    await Promise.resolve();
    t.strictSame(seen.texts(), ['ADDED a']);
    seen.handle.close();
  }
});

t.test('from a version on, it replays what came after it', async (t) => {
  const { client } = await startServer(t);
  const { metadata } = await client.list(ConfigMap);
  await client.create(ConfigMap, configMap('a'));
  await client.create(ConfigMap, configMap('b'));
  await client.delete(ConfigMap, 'default', 'a');
  const seen = watch(client, { resourceVersion: metadata.resourceVersion });
  await client.create(ConfigMap, configMap('c'));
  t.strictSame(seen.texts(), ['ADDED a', 'ADDED b', 'DELETED a', 'ADDED c']);
});

t.test('an object that enters or leaves the selection is added or deleted', async (t) => {
  const { client } = await startServer(t);
  const seen = watch(client, { labelSelector: 'color in (red)' });
  await client.create(ConfigMap, configMap('a', { color: 'blue' }));
  await client.patch(ConfigMap, 'default', 'a', { metadata: { labels: { color: 'red' } } });
  await client.patch(ConfigMap, 'default', 'a', { data: { x: '1' } });
  await client.patch(ConfigMap, 'default', 'a', { metadata: { labels: { color: 'green' } } });
  await client.delete(ConfigMap, 'default', 'a');
  t.strictSame(seen.texts(), ['ADDED a', 'MODIFIED a', 'DELETED a']);
  const last = seen.events[2]?.object as ConfigMap;
  t.strictSame(last.metadata.labels, { color: 'red' }, 'the last state within the selection');
});

t.test('a version that is forgotten is 410 Expired, as an event', async (t) => {
  const { client, server, dir } = await startServer(t);
  await client.create(ConfigMap, configMap('a'));
  await server.close();
  // A snapshot on disk is where history begins.
  const again = await startServer(t, { dir });
  for (let i = 0; i < 12; i++)
    await again.client.patch(ConfigMap, 'default', 'a', { data: { x: 'x'.repeat(900_000) + i } });
  const seen = watch(again.client, { resourceVersion: '1' });
  await seen.ended;
  t.strictSame(seen.texts(), ['ERROR 410']);
  t.match(seen.events[0]?.object, { reason: 'Expired', message: /^too old resource version: 1 \(\d+\)$/ });
});

t.test('sendInitialEvents ends with a bookmark that says so', async (t) => {
  const { client } = await startServer(t);
  await client.create(ConfigMap, configMap('a'));
  const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' };
  const seen = watch(client, query);
  await Promise.resolve();
  t.strictSame(seen.texts(), ['ADDED a', 'BOOKMARK']);
  t.match(seen.events[1]?.object, { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } });
  await client.create(ConfigMap, configMap('b'));
  t.equal(seen.texts()[2], 'ADDED b');
});

t.test('options that make no sense are refused', async (t) => {
  const { client } = await startServer(t);
  const cases: [Record<string, string>, RegExp][] = [
    [{ sendInitialEvents: 'true' }, /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/],
    [
      { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' },
      /sendInitialEvents requires setting allowWatchBookmarks to true/,
    ],
    [{ resourceVersion: 'abc' }, /invalid resource version "abc"/],
    [{ fieldSelector: 'spec.color=red' }, /field label not supported: spec.color/],
    [{ labelSelector: 'a===b' }, /unable to parse requirement/],
  ];
  for (const [query, message] of cases) t.match((await watch(client, query).ended)?.message, message);
});

t.test('it ends when its time is over, and bookmarks come meanwhile', async (t) => {
  let now = Date.now();
  const timers: { at: number; task: () => void }[] = [];
  const clock = {
    now: () => now,
    after: (delay: number, task: () => void) => {
      const timer = { at: now + delay, task };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
    },
  };
  const advance = (ms: number): void => {
    now += ms;
    for (const timer of timers.filter((one) => one.at <= now)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.task();
    }
  };
  const { client } = await startServer(t, { clock });
  const seen = watch(client, { allowWatchBookmarks: 'true', timeoutSeconds: '100' });
  await Promise.resolve();
  advance(61_000);
  advance(40_000);
  t.equal(await seen.ended, undefined);
  t.strictSame(seen.texts(), ['BOOKMARK']);
});

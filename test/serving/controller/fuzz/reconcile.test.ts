/**
 * Objects as odd as admission lets through, edited again and again, with real controllers over a real API server: none
 * makes a reconciler fail in a way of its own, none keeps it busy, and nobody else waits for them.
 */
import fc from 'fast-check';
import t from 'tap';
import { CoreEvent } from '../../../../kube/events.ts';
import { JSON_PATCH } from '../../../../kube/transport.ts';
import { Service } from '../../../../api/serving/service.ts';
import { FEATURE_DEFAULTS } from '../../../../serving/controller/config/features.ts';
import type { Manifest } from '../admit.ts';
import { startCluster, type Cluster, type Write } from '../cluster.ts';
import { readyAt, run, serviceOf } from '../objects.ts';
import { SOUND } from '../sound.ts';
import { changed, changes } from './manifests.ts';

const OBJECTS = 70;
const EDITS = 3;
/** Writes of the controllers for one object and its children over its whole life, edits included. */
const MOST_WRITES = 150;
/** What an error of our own making says, as against one of the object's. */
const BUG =
  /is not (a function|iterable|defined)|Cannot (read|set|convert|destructure|create)|undefined|Invalid (time|array)|call stack|circular/;

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const kinds = Object.keys(SOUND);

const one = fc.constantFrom(...kinds, 'Service', 'Service', 'Service', 'Route', 'Configuration').chain((kind) =>
  fc.record({
    kind: fc.constant(kind),
    versions: fc.array(fc.array(changes(kind), { minLength: 1, maxLength: 4 }), {
      minLength: EDITS + 1,
      maxLength: EDITS + 1,
    }),
  }),
);

const collection = ({ kind, apiVersion, metadata }: Manifest): string => {
  const { namespace } = metadata as { namespace?: string };
  const plural = `${String(kind).toLowerCase()}s`.replace('ingresss', 'ingresses');
  return `/apis/${String(apiVersion)}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}`;
};

/** Names that tell objects apart in the log of writes, and that no fuzz takes away. */
function named(manifest: Manifest, name: string): Manifest {
  const { generateName: _, ...metadata } = (manifest['metadata'] ?? {}) as Record<string, unknown>;
  const { namespace } = (SOUND[String(manifest['kind'])]?.['metadata'] ?? {}) as { namespace?: string };
  return { ...manifest, metadata: { ...metadata, name, ...(namespace === undefined ? {} : { namespace }) } };
}

async function openEveryGate({ client }: Cluster): Promise<void> {
  await client.transport.request({
    method: 'PATCH',
    path: '/api/v1/namespaces/knative-serving/configmaps/config-features',
    contentType: 'application/merge-patch+json',
    body: { data: Object.fromEntries(Object.keys(FEATURE_DEFAULTS).map((flag) => [flag, 'enabled'])) },
  });
}

function writesByObject(writes: readonly Write[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { path } of writes) {
    const name = /fuzz-\d+/.exec(path)?.[0];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

t.test('no accepted object crashes a reconciler, keeps it busy or slows others', async (t) => {
  t.comment(`FUZZ_SEED=${seed}`);
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  const { client, until, writes } = cluster;
  await openEveryGate(cluster);
  const { transport } = client;
  const answers = new Map<number, number>();
  const told = (status: number): void => void answers.set(status, (answers.get(status) ?? 0) + 1);

  const accepted: { path: string; versions: Manifest[] }[] = [];
  // Once kept two controllers busy with each other.
  const traffic = [{ revisionName: 'nowhere', percent: 100 }];
  await client.create(Service, serviceOf('fuzz-1000', run('one'), { traffic }));
  for (const [i, { kind, versions }] of fc.sample(one, { numRuns: OBJECTS, seed }).entries()) {
    const name = kind === 'DomainMapping' || kind === 'ClusterDomainClaim' ? `fuzz-${i}.example.com` : `fuzz-${i}`;
    const manifests = versions.map((list) => named(changed(SOUND[kind] ?? {}, list), name));
    const [first = {}] = manifests;
    const { status } = await transport.request({ method: 'POST', path: collection(first), body: first });
    told(status);
    if (status < 300) accepted.push({ path: `${collection(first)}/${name}`, versions: manifests });
  }
  await client.create(Service, serviceOf('other', run('one')));
  for (let edit = 0; edit < EDITS; edit++)
    for (const { path, versions } of accepted) {
      const { spec, metadata } = versions[edit + 1] ?? {};
      const { annotations, labels } = (metadata ?? {}) as Record<string, unknown>;
      const body = [
        { op: 'add', path: '/spec', value: spec },
        { op: 'add', path: '/metadata/labels', value: labels ?? {} },
        ...Object.entries(annotations ?? {}).map(([key, value]) => ({
          op: 'add',
          path: `/metadata/annotations/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
          value,
        })),
      ];
      told((await transport.request({ method: 'PATCH', path, contentType: JSON_PATCH, body })).status);
    }
  const began = Date.now();
  await until(Service, 'other', readyAt('other-00001'));
  t.comment(`${accepted.length} of ${OBJECTS} accepted; ${[...answers].map((entry) => entry.join(': ')).join(', ')}`);
  t.comment(`another Service was ready ${Date.now() - began} ms after the last edit`);
  t.ok(accepted.length > OBJECTS / 4, 'enough of them are let through');
  t.ok(
    [...answers.keys()].every((status) => status < 500),
    'the server answers each',
  );
  await client.create(Service, serviceOf('late', run('one')));
  const since = Date.now();
  await until(Service, 'late', readyAt('late-00001'));
  t.ok(Date.now() - since < 10_000, `a Service among them is ready after ${Date.now() - since} ms`);

  const counts = writesByObject(writes);
  const busiest = [...counts].sort(([, a], [, b]) => b - a)[0] ?? ['none', 0];
  t.comment(`${writes.length} writes in all; the most for one object: ${busiest.join(', ')}`);
  t.ok(busiest[1] <= MOST_WRITES, `${busiest.join(' was written ')} times, at most ${MOST_WRITES}`);

  // What cannot be done is tried with longer and longer waits: hardly anything happens any more.
  await cluster.quiet(400);
  const events = await client.list(CoreEvent, {});
  const bugs = events.items.filter(({ type, message = '' }) => type === 'Warning' && BUG.test(message));
  t.strictSame(
    bugs.map(
      ({ involvedObject, reason, message }) => `${involvedObject.kind} ${involvedObject.name}: ${reason}: ${message}`,
    ),
    [],
    'no reconciler failed by a fault of its own',
  );
  const before = writes.length;
  await cluster.restartControllers();
  await cluster.quiet(400);
  // What cannot be resolved is tried again and told again, ever less often.
  // A gradual rollout goes on, step by step, whoever restarts.
  const rolling = new Set(
    accepted
      .filter(({ versions }) => /rollout-?duration/i.test(JSON.stringify(versions)))
      .map(({ path }) => /fuzz-\d+/.exec(path)?.[0] ?? ''),
  );
  const anew = writes.slice(before).filter(({ path }) => !path.includes('/events'));
  const again = [...writesByObject(anew)]
    .filter(([name, count]) => count > 4 && !rolling.has(name))
    .map(([name]) => anew.filter(({ path }) => path.includes(name)).map(({ method, path }) => `${method} ${path}`));
  t.strictSame(again, [], 'controllers that start anew have hardly anything to write');
});

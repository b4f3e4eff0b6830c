import t from 'tap';
import { revisionCollector } from '../../../serving/controller/gc/gc.ts';
import { aConfiguration, aRevision, type Changes } from './given.ts';
import { passOver, type Setting } from './pass.ts';

const pass = (setting: Setting) =>
  passOver(
    (config) => revisionCollector(config),
    aConfiguration({ status: { latestReadyRevisionName: 'svc-00005' } }),
    setting,
  );
/** The nth Revision, retired n hours before noon. */
const retired = (n: number, changes: Changes = {}) =>
  aRevision(`svc-0000${n}`, {
    metadata: {
      creationTimestamp: '2026-11-01T00:00:00Z',
      labels: { 'serving.knative.dev/routingState': 'reserve' },
      annotations: { 'serving.knative.dev/routingStateModified': `2026-11-24T0${9 - n}:00:00Z` },
      ...(changes as object),
    },
  });
const OFF = { 'retain-since-create-time': 'disabled', 'retain-since-last-active-time': 'disabled' };
const four = [1, 2, 3, 4].map((n) => retired(n));

t.test('which Revisions go, by config-gc', async (t) => {
  const deletes = (...numbers: number[]) => numbers.map((n) => `delete Revision svc-0000${n}`);
  for (const [name, gc, expected] of [
    ['by default twenty stay', {}, []],
    [
      'none is young enough',
      { 'min-non-active-revisions': '0', 'retain-since-last-active-time': '1h' },
      deletes(4, 3, 2, 1),
    ],
    ['some are', { 'min-non-active-revisions': '0', 'retain-since-last-active-time': '5h30m' }, deletes(4, 3)],
    ['a minimum of two', { 'min-non-active-revisions': '2', 'retain-since-last-active-time': '1h' }, deletes(4, 3)],
    ['a maximum of three', { ...OFF, 'min-non-active-revisions': '0', 'max-non-active-revisions': '3' }, deletes(4)],
    [
      'a maximum of none',
      { ...OFF, 'min-non-active-revisions': '0', 'max-non-active-revisions': '0' },
      deletes(4, 3, 2, 1),
    ],
    ['no maximum', { ...OFF, 'min-non-active-revisions': '0', 'max-non-active-revisions': 'disabled' }, []],
    [
      'by age alone',
      {
        'min-non-active-revisions': '0',
        'retain-since-create-time': '1h',
        'retain-since-last-active-time': 'disabled',
      },
      deletes(4, 3, 2, 1),
    ],
  ] as const) {
    const { writes } = await pass({ others: four, config: { 'config-gc': gc } });
    t.strictSame(
      writes.map(({ verb }) => verb),
      expected,
      name,
    );
  }
});

t.test('one that may not be deleted keeps none of the others', async (t) => {
  const config = { 'config-gc': { ...OFF, 'min-non-active-revisions': '0', 'max-non-active-revisions': '0' } };
  const { writes, failure } = await pass({ others: four, config, refuse: { 'delete Revision svc-00004': 'no' } });
  t.equal(writes.length, 4);
  t.equal(failure, 'failed to delete Revision "svc-00004": no');
});

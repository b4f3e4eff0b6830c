import fc from 'fast-check';
import t from 'tap';
import { Pod } from '../../../api/core.ts';
import { Client } from '../../../kube/client.ts';
import { Informer } from '../../../kube/informer.ts';
import { silentLogger } from '../../../kube/log.ts';
import { countPods, indexPods, readyPods } from '../../../serving/autoscaler/pods.ts';
import { activatorsOf, modeOf } from '../../../serving/autoscaler/resources.ts';
import { deciderSpec } from './fixtures.ts';

void t.test('the number of activators covers load and burst, and is kept while it serves', (t) => {
  const cases: [name: string, ready: number, tbc: number, current: number | undefined, expected: number][] = [
    ['a new revision', 0, 211, undefined, 4],
    ['its first pod changes nothing', 1, 211, 4, 4],
    ['more pods', 10, 211, 4, 13],
    ['some go', 5, 211, 13, 13],
    ['most go', 1, 211, 13, 4],
    ['no burst to cover', 50, 0, 9, 2],
    ['always in the path', 5, -1, undefined, 5],
  ];
  for (const [name, ready, targetBurstCapacity, current, expected] of cases)
    t.equal(activatorsOf(ready, deciderSpec({ total: 100, targetBurstCapacity }), current), expected, name);
  fc.assert(
    fc.property(
      fc.nat({ max: 500 }),
      fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined }),
      (ready, current) => {
        const needed = Math.max(2, Math.ceil((Math.max(1, ready) * 100 + 211) / 100));
        return activatorsOf(ready, deciderSpec({ total: 100, targetBurstCapacity: 211 }), current) >= needed;
      },
    ),
  );
  t.end();
});

void t.test('traffic goes to the pods directly only with spare room and pods', (t) => {
  t.equal(modeOf(1, 0), 'Serve');
  t.equal(modeOf(1, -1), 'Proxy');
  t.equal(modeOf(0, 5), 'Proxy');
  t.equal(modeOf(-1, 5), 'Proxy');
  t.end();
});

void t.test('pods are counted by what they can do for a request', async (t) => {
  const pod = (name: string, phase: string, ready: boolean, more: Partial<Pod['metadata']> = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'a', resourceVersion: '1', labels: { 'serving.knative.dev/revision': 'x' }, ...more },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  });
  const items = [
    pod('p1', 'Running', true),
    pod('p2', 'Running', true),
    pod('p3', 'Running', false),
    pod('p4', 'Pending', false),
    pod('p5', 'Running', true, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    pod('p6', 'Failed', false),
    pod('p7', 'Running', true, { labels: { 'serving.knative.dev/revision': 'y' } }),
    pod('p8', 'Running', true, { labels: {} }),
  ];
  const client = new Client({
    request: () =>
      Promise.resolve({
        status: 200,
        body: { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '1' }, items },
      }),
    watch: () => ({ close: () => undefined }),
  });
  const pods = indexPods(new Informer(client, Pod, silentLogger)).start();
  await pods.synced;
  t.strictSame(countPods(pods, 'a/x'), { ready: 2, notReady: 1, pending: 1, terminating: 1 });
  t.equal(readyPods(pods, 'a/x'), 2);
  t.equal(readyPods(pods, 'a/none'), 0);
  pods.stop();
});

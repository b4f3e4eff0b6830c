import t from 'tap';
import { Pod } from '../../../api/core.ts';
import { Client } from '../../../kube/client.ts';
import { Informer } from '../../../kube/informer.ts';
import { silentLogger } from '../../../kube/log.ts';
import { countPods, indexPods, readyPods } from '../../../serving/autoscaler/pods.ts';
import { activatorsOf, modeOf } from '../../../serving/autoscaler/resources.ts';
import { deciderSpec } from './fixtures.ts';

void t.test('activators are enough for what the pods take and the burst that must be covered', (t) => {
  const cases: [name: string, ready: number, tbc: number, total: number, expected: number][] = [
    ['no pod, a burst', 0, 211, 100, 3],
    ['a pod', 1, 211, 100, 4],
    ['more pods', 10, 211, 100, 13],
    ['small pods', 3, 211, 1, 3],
    ['never fewer than two', 0, 10, 1, 2],
    ['no burst to cover', 50, 0, 100, 2],
    ['always in the path', 5, -1, 100, 5],
    ['always in the path of nothing', 0, -1, 100, 2],
  ];
  for (const [name, ready, targetBurstCapacity, total, expected] of cases)
    t.equal(activatorsOf(ready, deciderSpec({ total, targetBurstCapacity })), expected, name);
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

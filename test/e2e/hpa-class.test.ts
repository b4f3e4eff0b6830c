// A revision of the HPA class on one machine: ready, and scaled by what its pods use.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import type { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import { kubectlMissing } from '../kubectl.ts';
import { eventually, Instance } from './instance.ts';

const PROGRAM = `require('node:http').createServer((_, response) => response.end('hello')).listen(process.env.PORT);`;

const manifest = (name: string, metric: string, target: number): string => `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: ${name} }
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/class: hpa.autoscaling.knative.dev
        autoscaling.knative.dev/metric: ${metric}
        autoscaling.knative.dev/target: '${target}'
        autoscaling.knative.dev/max-scale: '2'
    spec:
      containers: [{ image: hungry }]
`;

t.test(
  'a Service of the HPA class becomes ready and follows its memory',
  { skip: await kubectlMissing() },
  async (t) => {
    const zeroth = await Instance.start();
    t.teardown(() => zeroth.remove());
    const dir = mkdtempSync(join(tmpdir(), 'hungry-'));
    t.teardown(() => rmSync(dir, { recursive: true, force: true }));
    writeFileSync(join(dir, 'server.cjs'), PROGRAM);
    writeFileSync(
      join(dir, 'package.json'),
      '{"name":"hungry","main":"server.cjs","scripts":{"start":"node server.cjs"}}',
    );
    t.match(await zeroth.zeroth(['build', dir, '-t', 'hungry']), { code: 0 });
    // No program of Node.js runs on 8 MiB, so it wants more pods than it may have.
    await zeroth.ok(
      ['apply', '-f', '-'],
      manifest('hungry', 'memory', 8) + '---' + manifest('queue', 'queue_length', 5),
    );
    await zeroth.ok(['wait', 'ksvc/hungry', 'ksvc/queue', '--for=condition=Ready', '--timeout=60s']);
    t.match(await zeroth.fetch('hungry.default.localhost'), { status: 200, body: 'hello' });

    const autoscaler = async (revision: string) => (await zeroth.json<PodAutoscaler>(['get', 'kpa', revision])).status;
    await eventually('two pods', async () => (await autoscaler('hungry-00001'))?.actualScale === 2, 60_000);
    const hpa = await zeroth.json<HorizontalPodAutoscaler>(['get', 'hpa', 'hungry-00001']);
    t.match(hpa.spec, { maxReplicas: 2, metrics: [{ resource: { name: 'memory', target: { averageValue: '8Mi' } } }] });
    t.match(hpa.status?.conditions, [
      { type: 'AbleToScale', status: 'True' },
      { type: 'ScalingActive', status: 'True', reason: 'ValidMetricFound' },
      { type: 'ScalingLimited', status: 'True', reason: 'TooManyReplicas' },
    ]);
    t.match(await zeroth.ok(['get', 'hpa', 'hungry-00001']), /memory: \d+\/8Mi +1 +2 +2 /);
    const pods = async () =>
      (await zeroth.ok(['get', 'pods', '-l', 'serving.knative.dev/revision=hungry-00001', '-o', 'name'])).trim();
    t.equal((await pods()).split('\n').length, 2);

    const other = await zeroth.json<HorizontalPodAutoscaler>(['get', 'hpa', 'queue-00001']);
    t.match(
      other.status?.conditions?.find(({ type }) => type === 'ScalingActive'),
      { status: 'False', reason: 'FailedGetPodsMetric', message: /unable to get metric queue_length/ },
      'a metric that nobody has is said to be unknown, and its revision serves all the same',
    );
  },
);

// The whole serving loop, driven by the real kubectl.
import t from 'tap';
import { eventually, Instance, processesWith } from './instance.ts';
import { kubectlMissing } from '../kubectl.ts';

interface Service {
  status: {
    url: string;
    latestReadyRevisionName: string;
    traffic: { revisionName: string; percent: number; tag?: string; url?: string }[];
  };
}

const manifest = (version: string, traffic: string): string => `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: canary }
spec:
  template:
    metadata:
      name: canary-${version}
      annotations: { autoscaling.knative.dev/window: 6s }
    spec:
      containers:
        - image: canary
          env: [{ name: VERSION, value: ${version} }]
  traffic: ${traffic}
`;

t.test(
  'a Service is served, split, rolled back, scaled to zero and deleted without a trace',
  { skip: await kubectlMissing() },
  async (t) => {
    const zeroth = await Instance.start();
    t.teardown(() => zeroth.remove());
    await zeroth.ok([
      '-n',
      'knative-serving',
      'patch',
      'cm',
      'config-autoscaler',
      '--type=merge',
      '-p',
      '{"data":{"scale-to-zero-grace-period":"2s"}}',
    ]);
    t.equal((await zeroth.zeroth(['build', 'examples/canary', '-t', 'canary'])).code, 0);

    await zeroth.ok(['apply', '-f', '-'], manifest('blue', '[{ revisionName: canary-blue, percent: 100 }]'));
    await zeroth.ok(['wait', 'ksvc/canary', '--for=condition=Ready', '--timeout=30s']);
    const { status } = await zeroth.json<Service>(['get', 'ksvc', 'canary']);
    t.equal(status.url, `http://canary.default.localhost:${zeroth.httpPort}`);
    const host = 'canary.default.localhost';
    t.match(await zeroth.fetch(host), { status: 200, body: 'blue\n' }, 'the URL answers');

    await eventually('back at zero', async () => (await zeroth.ok(['get', 'pods', '-o', 'name'])) === '', 60_000);
    t.match(
      await zeroth.fetch(host),
      { status: 200, body: 'blue\n' },
      'the first request at zero is held, not refused',
    );

    const split =
      '[{ revisionName: canary-blue, percent: 90 }, { revisionName: canary-green, percent: 10, tag: green }]';
    await zeroth.ok(['apply', '-f', '-'], manifest('green', split));
    await zeroth.ok(['wait', 'ksvc/canary', '--for=condition=Ready', '--timeout=30s']);
    const bodies: string[] = [];
    for (let i = 0; i < 1_000; i += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => zeroth.fetch(host)));
      for (const answer of answers) bodies.push(answer.status === 200 ? answer.body.trim() : String(answer.status));
    }
    const green = bodies.filter((body) => body === 'green').length;
    t.equal(bodies.filter((body) => body === 'blue').length + green, 1_000, 'every request is answered by a revision');
    t.ok(Math.abs(green - 100) <= 28, `10 % within three sigma: ${green} of 1000`);
    t.match(
      await zeroth.fetch('green-canary.default.localhost'),
      { status: 200, body: 'green\n' },
      'the tag has a URL of its own',
    );

    await zeroth.ok(['apply', '-f', '-'], manifest('green', '[{ revisionName: canary-blue, percent: 100 }]'));
    await zeroth.ok(['wait', 'ksvc/canary', '--for=condition=Ready', '--timeout=30s']);
    const after = await Promise.all(Array.from({ length: 50 }, () => zeroth.fetch(host)));
    t.ok(
      after.every((answer) => answer.body === 'blue\n'),
      'after the rollback all traffic is the old revision’s',
    );

    await eventually(
      'back at zero within the window and the grace period',
      async () => (await zeroth.ok(['get', 'pods', '-o', 'name'])) === '',
      60_000,
    );
    await zeroth.fetch(host);
    await zeroth.ok(['delete', 'ksvc', 'canary', '--timeout=60s']);
    const kinds =
      'configurations.serving.knative.dev,revisions,routes.serving.knative.dev,podautoscalers,kingress,serverlessservices,metrics.autoscaling.internal.knative.dev,images.caching.internal.knative.dev,deployments,replicasets,pods,services,endpoints,endpointslices';
    await eventually('nothing is left but the kubernetes Service', async () => {
      const left = (await zeroth.ok(['get', kinds, '-o', 'name'])).split('\n').filter((line) => line !== '');
      return left.every((line) => line.endsWith('/kubernetes'));
    });
    t.same(processesWith('K_SERVICE=canary'), [], 'no process is left');
    t.match(await zeroth.fetch(host), { status: 404 }, 'the host is unknown again');
  },
);

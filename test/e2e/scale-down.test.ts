// A long request is never cut because its revision shrinks.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Pod } from '../../api/core.ts';
import { kubectlMissing } from '../kubectl.ts';
import { eventually, Instance } from './instance.ts';

/** Says its name and then goes on until the client has heard enough. */
const PROGRAM = `
import { createServer } from 'node:http';
import { hostname } from 'node:os';
createServer((request, response) => {
  response.write(hostname() + '\\n');
  const ticks = setInterval(() => response.write('.'), 100);
  response.on('close', () => clearInterval(ticks));
}).listen(process.env.PORT);
`;

const MANIFEST = `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: slow }
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/window: 6s
        autoscaling.knative.dev/target-utilization-percentage: '100'
    spec:
      containerConcurrency: 1
      timeoutSeconds: 300
      containers:
        - image: slow
          env: [{ name: NODE_NO_WARNINGS, value: '1' }]
`;

interface Stream {
  /** Of the pod that answers. */
  readonly pod: string;
  readonly ticks: () => number;
  /** Why it ended, when it did. */
  readonly ended: () => string | undefined;
  readonly close: () => void;
}

function open(zeroth: Instance): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const request = http.get(
      { host: '127.0.0.1', port: zeroth.httpPort, headers: { Host: 'slow.default.localhost' } },
      (response) => {
        let text = '';
        let ended: string | undefined;
        response.setEncoding('utf8');
        const stream = (): Stream => ({
          pod: text.split('\n')[0] ?? '',
          ticks: () => text.length,
          ended: () => ended,
          close: () => request.destroy(),
        });
        response.on('data', (chunk: string) => {
          const named = text.includes('\n');
          text += chunk;
          if (!named && text.includes('\n')) resolve(stream());
        });
        response.on('end', () => (ended ??= 'end'));
        response.on('error', (error) => (ended ??= String(error)));
      },
    );
    request.on('error', reject);
  });
}

t.test(
  'a revision that shrinks keeps its busy pod, though it is the youngest',
  { skip: await kubectlMissing() },
  async (t) => {
    const zeroth = await Instance.start();
    t.teardown(() => zeroth.remove());
    const dir = mkdtempSync(join(tmpdir(), 'slow-'));
    t.teardown(() => rmSync(dir, { recursive: true, force: true }));
    writeFileSync(join(dir, 'server.mjs'), PROGRAM);
    writeFileSync(
      join(dir, 'package.json'),
      '{"name":"slow","type":"module","main":"server.mjs","scripts":{"start":"node server.mjs"}}',
    );
    t.match(await zeroth.zeroth(['build', dir, '-t', 'slow']), { code: 0 });
    const minimum = (pods: number) =>
      zeroth.ok([
        '-n',
        'knative-serving',
        'patch',
        'cm',
        'config-autoscaler',
        '--type=merge',
        '-p',
        `{"data":{"min-scale":"${pods}"}}`,
      ]);
    const pods = async () => (await zeroth.json<{ items: Pod[] }>(['get', 'pods'])).items;
    const ready = (all: Pod[]) =>
      all.filter(
        ({ metadata, status }) =>
          metadata.deletionTimestamp === undefined &&
          status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
      );

    await minimum(3);
    await zeroth.ok(['apply', '-f', '-'], MANIFEST);
    await zeroth.ok(['wait', 'ksvc/slow', '--for=condition=Ready', '--timeout=60s']);
    await eventually('three pods', async () => ready(await pods()).length === 3);
    const before = new Set((await pods()).map(({ metadata }) => metadata.name));
    // One more, later than the others: the one that goes first where nothing else is known.
    await minimum(4);
    await eventually('four pods', async () => ready(await pods()).length === 4);
    const youngest = (await pods()).map(({ metadata }) => metadata.name).find((name) => !before.has(name)) ?? '';
    const streams = await Promise.all([open(zeroth), open(zeroth), open(zeroth), open(zeroth)]);
    t.equal(new Set(streams.map(({ pod }) => pod)).size, 4, 'a request a pod');
    const kept = streams.find(({ pod }) => pod === youngest);
    if (kept === undefined) throw new Error(`no request reached ${youngest}`);
    for (const stream of streams) if (stream !== kept) stream.close();

    await minimum(1);
    await eventually('one pod', async () => (await pods()).length === 1, 60_000);
    t.strictSame(
      (await pods()).map(({ metadata }) => metadata.name),
      [youngest],
    );
    t.equal((await pods())[0]?.metadata.deletionTimestamp, undefined, 'nobody has told it to end');
    const heard = kept.ticks();
    await eventually('more of the answer', () => kept.ticks() > heard + 3);
    t.equal(kept.ended(), undefined, 'the long request goes on');
    kept.close();
  },
);

// The pages of the parts on a cluster: through the API server's proxy of each pod, by any kubeconfig.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../cli/cluster.ts';
import { pagesOf } from '../../cli/part-pages.ts';
import { StateFolder } from '../../cli/state.ts';
import { takeSnapshot } from '../../cli/top/snapshot.ts';
import { parseArguments } from '../../cli/verb.ts';
import { why } from '../../cli/why.ts';
import { findSubject } from '../../cli/why/subject.ts';

const POD = '/clusters/c-1/api/v1/namespaces/knative-serving/pods';

t.test('a cluster without a state folder', async (t) => {
  const answers = new Map<string, unknown>([
    [
      `${POD}?labelSelector=app%3Dactivator`,
      {
        items: [
          {
            metadata: { name: 'activator-1' },
            spec: {
              containers: [
                {
                  name: 'a',
                  ports: [
                    { name: 'http', containerPort: 8012 },
                    { name: 'admin', containerPort: 9091 },
                  ],
                },
              ],
            },
          },
          { metadata: { name: 'activator-2' }, spec: { containers: [{ name: 'a' }] } },
          { metadata: { name: 'activator-3' }, spec: { containers: [{ name: 'a' }] } },
        ],
      },
    ],
    [`${POD}/activator-1:9091/proxy/metrics`, 'kn_revision_request_queued{namespace="shop",revision="a"} 2\n'],
    [`${POD}/activator-2:9090/proxy/metrics`, 'kn_revision_request_queued{namespace="shop",revision="a"} 3\n'],
    [
      '/clusters/c-1/apis/apps/v1/namespaces/shop/deployments?labelSelector=serving.knative.dev%2Frevision',
      { items: [] },
    ],
  ]);
  const server = createServer((request, response) => {
    const answer = answers.get(request.url ?? '');
    const message = { kind: 'Status', reason: 'NotFound', message: 'the server could not find the requested resource' };
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? message));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  t.teardown(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const kubeconfig = join(folder, 'config');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/clusters/c-1/`;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: address, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
      'current-context': 'x',
    }),
  );
  const args = parseArguments(why, ['hello', '--kubeconfig', kubeconfig]);
  if (args === 'help') return t.fail('no help was asked for');
  const cluster = connect(args);
  const state = new StateFolder(folder);

  t.strictSame(
    await pagesOf(cluster, state, 'activator', '/metrics'),
    [
      'kn_revision_request_queued{namespace="shop",revision="a"} 2\n',
      'kn_revision_request_queued{namespace="shop",revision="a"} 3\n',
    ],
    'the one that does not answer is left out',
  );
  t.strictSame(await pagesOf(cluster, state, 'broker', '/status'), [], 'a part that is not installed has none');
  const snapshot = await takeSnapshot(cluster, state, 'shop');
  t.equal(snapshot.counted.get('shop/a')?.queued, 5);
  t.equal(snapshot.used, undefined, 'no metrics server');
  await t.rejects(findSubject(cluster, ['hello']), {
    exitCode: 2,
    message:
      /^there is nothing named "hello" in namespace shop; .*\nthis server does not know Service \(serving\.knative\.dev\), .*: is Knative, or zeroth, installed here\?$/,
  });
});

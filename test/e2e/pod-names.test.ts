/** What a program in a pod reaches by the names that every Kubernetes tutorial uses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Instance } from './instance.ts';

const SERVER = `
import { createServer } from 'node:http';
createServer(async (request, response) => {
  const url = new URL(request.url, 'http://pod').searchParams.get('url');
  if (url === null) return response.end('peer');
  try {
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
    const answer = await fetch(url.replace('IN_CLUSTER', host + ':' + port));
    response.end(answer.status + ' ' + (await answer.text()));
  } catch (error) {
    response.end(String(error.cause ?? error));
  }
}).listen(process.env.PORT);
`;

const MANIFEST = (name: string, authority: string): string => `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: ${name} }
spec: { template: { spec: { containers: [{ image: names, env: [{ name: NODE_EXTRA_CA_CERTS, value: '${authority}' }] }] } } }
---
`;

void t.test('names in a pod: other Services, their external URLs, and the API server', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroth-names-'));
  writeFileSync(join(folder, 'server.mjs'), SERVER);
  const instance = await Instance.start();
  t.teardown(async () => {
    await instance.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  await instance.zeroth(['build', folder, '-t', 'names']);
  await instance.ok(['apply', '-f', '-'], ['one', 'two'].map((name) => MANIFEST(name, instance.run.caFile)).join(''));
  await instance.ok(['wait', '--for=condition=Ready', 'ksvc', '--all', '--timeout=30s']);
  const url = await instance.ok(['get', 'ksvc', 'two', '-o', 'jsonpath={.status.url}']);
  const address = await instance.ok(['get', 'ksvc', 'two', '-o', 'jsonpath={.status.address.url}']);
  // Only a user who may listen on ports below 1024 has 80 and 443 on cluster addresses.
  const privileged = new URL(address).port === '';
  for (const [target, expected] of [
    [address, '200 peer'],
    [address.replace('.svc.cluster.local', ''), '200 peer'],
    [url, '200 peer'],
    ['https://IN_CLUSTER/readyz', '200 ok'],
    ...(privileged ? ([['https://kubernetes.default.svc/readyz', '200 ok']] as const) : []),
  ] as const)
    t.equal(
      (await instance.fetch('one.default.localhost', { path: `/?url=${encodeURIComponent(target)}` })).body,
      expected,
      target,
    );
  t.match(
    await instance.ok(['get', 'endpoints,endpointslices', '-o', 'name']),
    /^endpoints\/kubernetes\n[^]*endpointslice\S+\/kubernetes$/m,
  );
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import t, { type Test } from 'tap';
import { Deployment, Node, Pod, ReplicaSet } from '../../../api/core.ts';
import { Client } from '../../../kube/client.ts';
import { HttpTransport, transportFromEnvironment } from '../../../kube/http-transport.ts';
import { Informers } from '../../../kube/informers.ts';
import { createLogger } from '../../../kube/log.ts';
import { ApiServer } from '../../../local/apiserver/main.ts';
import { openPki, type Pki } from '../../../local/apiserver/pki.ts';
import { startWorkloads } from '../../../local/workloads/main.ts';
import { findKubectl } from '../../kubectl.ts';
import { addNode, makeDeployment, runPods, until, type World } from './world.ts';

const found = await findKubectl();
const kubectl = 'missing' in found ? undefined : found.path;

interface Served extends World {
  readonly url: string;
  readonly pki: Pki;
  /** Runs kubectl; resolves with what it printed. */
  kubectl(...args: string[]): Promise<string>;
}

/** Controllers that speak HTTPS to the embedded server, so that their caches are behind it as on a cluster. */
async function startServed(t: Test): Promise<Served> {
  const dir = mkdtempSync(join(tmpdir(), 'workloads-http-'));
  const lines: string[] = [];
  const log = createLogger('warn', {}, (line) => void lines.push(line));
  const prefix = `127.${20 + (process.pid % 20)}`;
  const server = await ApiServer.open({ dir, admissions: [], servicePrefix: prefix, log });
  const pki = await openPki(join(dir, 'pki'));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0, tls: pki, tokens: [pki.token] });
  const url = `https://127.0.0.1:${port}`;
  const transport = transportFromEnvironment({
    ZEROTH_API_URL: url,
    ZEROTH_API_TOKEN_FILE: pki.tokenFile,
    ZEROTH_API_CA_FILE: pki.caFile,
  });
  const client = new Client(transport);
  const informers = new Informers(client, log);
  await addNode(client);
  const network = { prefix, gateway: `${prefix}.0.1`, clusterPort: 18_080 };
  const workloads = await startWorkloads({ client, informers, log, systemNamespace: 'zeroth-system', network });
  t.teardown(async () => {
    await workloads.stop();
    informers.stop();
    transport.close();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const run = (...args: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const flags = [
        '--server',
        url,
        '--certificate-authority',
        pki.caFile,
        '--token',
        pki.token,
        '--cache-dir',
        join(dir, 'cache'),
      ];
      execFile(kubectl ?? 'kubectl', [...flags, ...args], { timeout: 30_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`kubectl ${args.join(' ')}: ${stderr}${stdout}`));
      });
    });
  return { client, informers, server, workloads, network, log: lines, url, pki, kubectl: run };
}

void t.test('with caches behind the server no pod too many is made, and all is collected', async (t) => {
  const world = await startServed(t);
  runPods(world, t);
  let most = 0;
  world.informers.of(Pod).onChange(() => (most = Math.max(most, world.informers.of(Pod).list().length)));
  await world.client.create(Deployment, makeDeployment('web', { replicas: 20 }));
  await until(world, Deployment, ([one]) => one?.status?.availableReplicas === 20);
  t.equal(most, 20);
  await world.client.patch(Deployment, 'default', 'web', { spec: { replicas: 5 } }, { subresource: 'scale' });
  await until(world, Pod, (all) => all.length === 5);
  await until(world, Deployment, ([one]) => one?.status?.replicas === 5);
  await world.client.delete(Deployment, 'default', 'web');
  await until(world, ReplicaSet, (all) => all.length === 0);
  await until(world, Pod, (all) => all.length === 0);
  t.same(world.log, []);
});

void t.test('a watch over HTTPS goes on after the connection was cut', async (t) => {
  const world = await startServed(t);
  const transport = new HttpTransport({ url: world.url, token: world.pki.token, ca: world.pki.caCert, watchIdle: 100 });
  t.teardown(() => transport.close());
  const informers = new Informers(
    new Client(transport),
    createLogger('error', {}, () => undefined),
  );
  t.teardown(() => informers.stop());
  await informers.of(Node).synced;
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setTimeout(resolve, 130));
    await world.client.patch(Node, undefined, 'zeroth', { metadata: { labels: { round: String(round) } } });
    await until({ ...world, informers }, Node, ([node]) => node?.metadata.labels?.round === String(round));
  }
});

void t.test('a refused token and an unknown CA are told apart', async (t) => {
  const world = await startServed(t);
  const stranger = new HttpTransport({ url: world.url, token: 'wrong', ca: world.pki.caCert });
  t.teardown(() => stranger.close());
  t.match(await stranger.request({ method: 'GET', path: '/api/v1/pods' }), {
    status: 401,
    body: { reason: 'Unauthorized' },
  });
  const distrustful = new HttpTransport({ url: world.url, token: world.pki.token });
  t.teardown(() => distrustful.close());
  await t.rejects(distrustful.request({ method: 'GET', path: '/api/v1/pods' }), { code: /SELF_SIGNED|UNABLE_TO/ });
});

const skip = kubectl === undefined && 'missing' in found && found.missing;
void t.test('kubectl rollout, scale and wait', { skip }, async (t) => {
  const world = await startServed(t);
  runPods(world, t);
  const { kubectl } = world;
  await kubectl('create', 'deployment', 'web', '--image=one', '--replicas=3');
  t.match(await kubectl('rollout', 'status', 'deployment/web'), /successfully rolled out/);
  await kubectl('wait', '--for=condition=Available', 'deployment/web', '--timeout=10s');
  t.match(await kubectl('get', 'deployment', 'web'), /web +3\/3 +3 +3/);

  await kubectl('set', 'image', 'deployment/web', 'one=two');
  await kubectl('annotate', 'deployment/web', 'kubernetes.io/change-cause=the second');
  t.match(await kubectl('rollout', 'status', 'deployment/web'), /successfully rolled out/);
  t.match(await kubectl('rollout', 'history', 'deployment/web'), /1 +<none>\n2 +the second/);
  t.match(await kubectl('rollout', 'history', 'deployment/web', '--revision=1'), /Image:\s+one/);

  await kubectl('rollout', 'undo', 'deployment/web');
  t.match(await kubectl('rollout', 'status', 'deployment/web'), /successfully rolled out/);
  t.equal(await kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'), 'one');
  t.match(await kubectl('rollout', 'history', 'deployment/web'), /2 .*\n3 /);

  await kubectl('rollout', 'pause', 'deployment/web');
  await kubectl('set', 'image', 'deployment/web', 'one=three');
  await kubectl(
    'wait',
    '--for=jsonpath={.status.conditions[?(@.type=="Progressing")].reason}=DeploymentPaused',
    'deployment/web',
    '--timeout=10s',
  );
  t.equal(world.informers.of(ReplicaSet).list().length, 2, 'paused');
  await kubectl('rollout', 'resume', 'deployment/web');
  t.match(await kubectl('rollout', 'status', 'deployment/web'), /successfully rolled out/);

  await kubectl('rollout', 'restart', 'deployment/web');
  t.match(await kubectl('rollout', 'status', 'deployment/web'), /successfully rolled out/);
  await kubectl('scale', 'deployment/web', '--replicas=1');
  await kubectl('wait', '--for=jsonpath={.status.availableReplicas}=1', 'deployment/web', '--timeout=10s');
  t.match(await kubectl('describe', 'deployment', 'web'), /NewReplicaSet:\s+web-\w+ \(1\/1 replicas created\)/);
  await kubectl('delete', 'deployment', 'web', '--cascade=foreground', '--timeout=10s');
  t.match(await kubectl('get', 'all', '-l', 'app=web', '--ignore-not-found'), /^$/);

  await kubectl('create', 'job', 'once', '--image=one');
  await until(world, Pod, (all) => all.some(({ status }) => status?.phase === 'Running'));
  const [pod] = world.informers.of(Pod).list();
  await world.client.patch(
    Pod,
    'default',
    pod?.metadata.name ?? '',
    { status: { phase: 'Succeeded' } },
    { subresource: 'status' },
  );
  await kubectl('wait', '--for=condition=Complete', 'job/once', '--timeout=10s');
  await kubectl('create', 'namespace', 'team');
  await kubectl('-n', 'team', 'create', 'deployment', 'web', '--image=one', '--replicas=2');
  await kubectl('delete', 'namespace', 'team', '--timeout=10s');
});

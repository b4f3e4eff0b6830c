/**
 * Clusters that know nothing of Knative: the embedded API server without admissions of its own, and a real
 * kube-apiserver with etcd where the machine has them. For parts that run on any Kubernetes.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { generateKeyPairSync } from 'node:crypto';
import type { Admission } from '../../kube/admission.ts';
import { silentLogger } from '../../kube/log.ts';
import { ApiServer } from '../../local/apiserver/main.ts';
import { openPki } from '../../local/apiserver/pki.ts';
import { kubectlPath } from '../kubectl.ts';
import { cleanEnv, eventually, runProgram, type Output } from './instance.ts';

export interface PlainCluster {
  readonly url: string;
  readonly caFile: string;
  readonly dir: string;
  /** An address of this machine that an EndpointSlice may hold. */
  readonly address: string;
  /** Runs kubectl as an administrator; a non-zero exit is returned, not thrown. */
  kubectl(args: readonly string[], input?: string): Promise<Output>;
  /** Runs kubectl and throws when it fails. */
  ok(args: readonly string[], input?: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startEmbedded(admissions: readonly Admission[] = []): Promise<PlainCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'zeroth-plain-'));
  const server = await ApiServer.open({ dir, admissions, log: silentLogger });
  const pki = await openPki(join(dir, 'pki'));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0, tls: pki, tokens: [pki.token] });
  const cluster = { url: `https://127.0.0.1:${port}`, caFile: pki.caFile, dir, address: '127.0.0.1' };
  return {
    ...cluster,
    ...(await administrator(cluster, pki.token)),
    async stop() {
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Where kube-apiserver and etcd are, or why a real API server cannot be had here. */
export function findKubeApiServer(): { readonly apiServer: string; readonly etcd: string } | { missing: string } {
  const apiServer = process.env['ZEROTH_KUBE_APISERVER'] ?? onPath('kube-apiserver');
  const etcd = process.env['ZEROTH_ETCD'] ?? onPath('etcd');
  if (apiServer === undefined || etcd === undefined)
    return { missing: 'no kube-apiserver and etcd: put them on PATH, or set ZEROTH_KUBE_APISERVER and ZEROTH_ETCD' };
  if (ownAddress() === undefined) return { missing: 'this machine has no address besides loopback' };
  return { apiServer, etcd };
}

export async function startKubeApiServer(programs: { apiServer: string; etcd: string }): Promise<PlainCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'zeroth-kube-'));
  const children: ChildProcess[] = [];
  let output = '';
  const run = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnv() });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => (output = `${output}${String(chunk)}`.slice(-20_000)));
    children.push(child);
    return child;
  };
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await ended;
    }
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const [client, peer, port] = await Promise.all([freePort(), freePort(), freePort()]);
    const etcd = `http://127.0.0.1:${client}`;
    run(programs.etcd, [
      `--data-dir=${join(dir, 'etcd')}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-cluster=default=http://127.0.0.1:${peer}`,
      '--unsafe-no-fsync',
    ]);
    const pki = await openPki(join(dir, 'pki'));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const accountKey = join(dir, 'accounts.key');
    await writeFile(accountKey, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
    const tokens = join(dir, 'tokens.csv');
    await writeFile(tokens, `${pki.token},system:admin,admin,system:masters\n`, { mode: 0o600 });
    const server = run(programs.apiServer, [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--tls-cert-file=${join(dir, 'pki', 'server.crt')}`,
      `--tls-private-key-file=${join(dir, 'pki', 'server.key')}`,
      `--token-auth-file=${tokens}`,
      '--authorization-mode=RBAC',
      `--service-account-key-file=${accountKey}`,
      `--service-account-signing-key-file=${accountKey}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      // Services are reached by their endpoints: nothing here serves cluster IPs.
      '--enable-aggregator-routing=true',
      // No controller makes the default accounts.
      '--disable-admission-plugins=ServiceAccount',
      '--service-cluster-ip-range=10.96.0.0/16',
    ]);
    const url = `https://127.0.0.1:${port}`;
    const cluster = { url, caFile: pki.caFile, dir, address: ownAddress() ?? '127.0.0.1' };
    const admin = await administrator(cluster, pki.token);
    await eventually(
      'kube-apiserver is ready',
      async () => {
        if (server.exitCode !== null) throw new Error(`kube-apiserver ended: ${output}`);
        return (await admin.kubectl(['get', '--raw', '/readyz'])).code === 0;
      },
      120_000,
    );
    return { ...cluster, ...admin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function administrator(
  { url, caFile, dir }: { readonly url: string; readonly caFile: string; readonly dir: string },
  token: string,
): Promise<Pick<PlainCluster, 'kubectl' | 'ok'>> {
  const kubeconfig = join(dir, 'kubeconfig');
  await mkdir(dir, { recursive: true });
  const ca = (await readFile(caFile)).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority-data': ca } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'admin' } }],
    'current-context': 'c',
  };
  await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  const program = await kubectlPath();
  const kubectl = (args: readonly string[], input?: string) =>
    runProgram(program, ['--cache-dir', join(dir, 'cache'), ...args], input, { ...cleanEnv(), KUBECONFIG: kubeconfig });
  return {
    kubectl,
    async ok(args, input) {
      const { code, stdout, stderr } = await kubectl(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed (${code}): ${stderr}${stdout}`);
      return stdout;
    },
  };
}

function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Kubernetes refuses loopback addresses as endpoints. */
function ownAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

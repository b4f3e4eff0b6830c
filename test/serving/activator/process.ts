/** The activator as it is run: a process of its own, against the embedded API server over TLS. */
import { build } from 'esbuild';
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { parse } from 'yaml';
import { CustomResourceDefinition, EndpointSlice, Namespace } from '../../../api/core.ts';
import {
  Ingress,
  INGRESS_CLASS_ANNOTATION,
  ZEROTH_INGRESS_CLASS,
  type IngressRule,
} from '../../../api/networking/ingress.ts';
import { Revision, type RevisionSpec } from '../../../api/serving/revision.ts';
import { Client } from '../../../kube/client.ts';
import { silentLogger } from '../../../kube/log.ts';
import { ApiServer } from '../../../local/apiserver/main.ts';
import { openPki, type Pki } from '../../../local/apiserver/pki.ts';
import type { Address } from '../../../serving/activator/backends.ts';
import { split, waitFor } from './rig.ts';

// CommonJS dependencies inside an ES module bundle need a require of their own.
const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

export class World {
  readonly client: Client;
  readonly #dir: string;
  readonly #pki: Pki;
  readonly #port: number;

  static async open(t: Test): Promise<World> {
    const dir = await mkdtemp(join(tmpdir(), 'activator-'));
    const api = await ApiServer.open({ dir, admissions: [], servicePrefix: '127.251', log: silentLogger });
    const pki = await openPki(join(dir, 'pki'));
    const { port } = await api.listen({ host: '127.0.0.1', port: 0, tls: pki, tokens: [pki.token] });
    t.teardown(async () => {
      await api.close();
      await rm(dir, { recursive: true, force: true });
    });
    const client = new Client(api.transport);
    for (const file of await readdir('config/crds')) {
      if (!/ingresses|revisions/.test(file)) continue;
      await client.create(
        CustomResourceDefinition,
        parse(await readFile(join('config/crds', file), 'utf8')) as CustomResourceDefinition,
      );
    }
    await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'knative-serving' } });
    await build({
      entryPoints: { activator: 'serving/activator/main.ts' },
      outdir: join(dir, 'dist'),
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      minifySyntax: true,
      minifyWhitespace: true,
      banner: { js: REQUIRE },
      logLevel: 'warning',
    });
    return new World(client, dir, pki, port);
  }

  private constructor(client: Client, dir: string, pki: Pki, port: number) {
    this.client = client;
    this.#dir = dir;
    this.#pki = pki;
    this.#port = port;
  }

  async start(t: Test, env: Record<string, string> = {}): Promise<ActivatorProcess> {
    const child = fork(join(this.#dir, 'dist', 'activator.mjs'), [], {
      env: {
        PATH: process.env['PATH'],
        ZEROTH_API_URL: `https://127.0.0.1:${this.#port}`,
        ZEROTH_API_TOKEN_FILE: this.#pki.tokenFile,
        ZEROTH_API_CA_FILE: this.#pki.caFile,
        GATEWAY_EXTERNAL: '127.0.0.1:0',
        GATEWAY_INTERNAL: '127.0.0.1:0',
        ADMIN_LISTEN: '127.0.0.1:0',
        LOG_LEVEL: 'warn',
        ...env,
      },
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const activator = new ActivatorProcess(child);
    t.teardown(() => activator.kill());
    return activator;
  }

  async revision(name: string, spec: Partial<RevisionSpec> = {}): Promise<void> {
    const labels = { 'serving.knative.dev/service': 'svc', 'serving.knative.dev/configuration': 'cfg' };
    await this.client.create(Revision, {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Revision',
      metadata: { name, namespace: 'default', labels },
      spec: { containers: [{ name: 'user-container', image: 'x' }], timeoutSeconds: 20, ...spec },
    });
  }

  async route(name: string, rules: IngressRule[]): Promise<void> {
    await this.client.apply(
      Ingress,
      {
        apiVersion: 'networking.internal.knative.dev/v1alpha1',
        kind: 'Ingress',
        metadata: { name, namespace: 'default', annotations: { [INGRESS_CLASS_ANNOTATION]: ZEROTH_INGRESS_CLASS } },
        spec: { rules },
      },
      { fieldManager: 'test' },
    );
  }

  /** Both hosts of a Service as the Route controller makes them. */
  rules(name: string, revision = name): IngressRule[] {
    const paths = [{ splits: [{ ...split(revision) }] }];
    return [
      { hosts: [`${name}.default.localhost`], visibility: 'ExternalIP', http: { paths } },
      {
        hosts: [`${name}.default`, `${name}.default.svc`, `${name}.default.svc.cluster.local`],
        visibility: 'ClusterLocal',
        http: { paths },
      },
    ];
  }

  async pods(revision: string, addresses: readonly Address[]): Promise<void> {
    await this.slice(`${revision}-private`, addresses, {
      'networking.internal.knative.dev/serviceType': 'Private',
      'serving.knative.dev/revision': revision,
    });
  }

  /** The EndpointSlice of a Service whose pods all listen on one port. */
  async slice(service: string, addresses: readonly Address[], labels: Record<string, string> = {}): Promise<void> {
    await this.client.apply(
      EndpointSlice,
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: `${service}-1`,
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': service, ...labels },
        },
        addressType: 'IPv4',
        endpoints: addresses.map(({ host }) => ({ addresses: [host], conditions: { ready: true } })),
        ports: [{ name: 'http', port: addresses[0]?.port ?? 80, protocol: 'TCP' }],
      },
      { fieldManager: 'test' },
    );
  }
}

interface Message {
  readonly type: string;
  readonly addresses?: Readonly<Record<string, string>>;
  readonly reason?: string;
  readonly message?: string;
}

export class ActivatorProcess {
  readonly child: ChildProcess;
  readonly messages: Message[] = [];
  output = '';
  exitCode: number | null | undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    child.on('message', (message) => this.messages.push(message as Message));
    child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.on('exit', (code) => (this.exitCode = code));
  }

  message(type: string): Promise<Message> {
    return waitFor(`message ${type}; ${this.output}`, () => this.messages.find((message) => message.type === type));
  }

  async ready(): Promise<this> {
    await this.message('ready');
    return this;
  }

  /** The port of a listener: external, internal or admin. */
  port(name: string): number {
    const address = this.messages.find(({ type }) => type === 'listening')?.addresses?.[name];
    return Number(address?.split(':')[1]);
  }

  exit(): Promise<number> {
    return waitFor('the process to end', () => (this.exitCode === null ? -1 : this.exitCode));
  }

  kill(): void {
    if (this.exitCode === undefined) this.child.kill('SIGKILL');
  }
}

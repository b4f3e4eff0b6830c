/** The embedded API server with Eventing's definitions and controllers, and the broker as a process of its own. */
import { build } from 'esbuild';
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { parseAllDocuments } from 'yaml';
import { ConfigMap, CustomResourceDefinition, EndpointSlice, Namespace, Service } from '../../api/core.ts';
import { EVENTING_NAMESPACE, SERVING_NAMESPACE } from '../../api/zeroth.ts';
import { eventingAdmissions } from '../../eventing/trigger/admission.ts';
import { startEventingControllers } from '../../eventing/trigger/main.ts';
import { Client } from '../../kube/client.ts';
import { Informers } from '../../kube/informers.ts';
import { createLogger } from '../../kube/log.ts';
import { ApiServer } from '../../local/apiserver/main.ts';
import { openPki } from '../../local/apiserver/pki.ts';
import { eventually } from './eventually.ts';

const log = createLogger('error');

export class EventingWorld {
  readonly dir: string;
  readonly api: ApiServer;
  readonly client: Client;
  readonly informers: Informers;
  #controllers: { stop(): Promise<void> } | undefined;

  private constructor(dir: string, api: ApiServer) {
    this.dir = dir;
    this.api = api;
    this.client = new Client(api.transport);
    this.informers = new Informers(this.client, log);
  }

  static async start(): Promise<EventingWorld> {
    const dir = mkdtempSync(join(tmpdir(), 'zeroth-eventing-'));
    const api = await ApiServer.open({ dir, admissions: eventingAdmissions, log });
    const world = new EventingWorld(dir, api);
    for (const file of readdirSync('config/crds').filter((name) => name.startsWith('eventing.')))
      for (const document of parseAllDocuments(readFileSync(join('config/crds', file), 'utf8')))
        await world.client.create(CustomResourceDefinition, document.toJS() as CustomResourceDefinition);
    for (const name of [EVENTING_NAMESPACE, SERVING_NAMESPACE])
      await world.client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const defaults = parseAllDocuments(readFileSync('config/core/eventing/config-br-defaults.yaml', 'utf8'));
    for (const document of defaults) await world.client.create(ConfigMap, document.toJS() as ConfigMap);
    await eventually('triggers are served', async () => {
      const response = await api.transport.request({ method: 'GET', path: '/apis/eventing.knative.dev/v1/triggers' });
      return response.status === 200;
    });
    return world;
  }

  async startControllers(): Promise<void> {
    this.#controllers = await startEventingControllers({
      client: this.client,
      informers: this.informers,
      log,
      systemNamespace: EVENTING_NAMESPACE,
      registry: new Registry(),
    });
  }

  /** What the control process does when the broker listens. */
  async publishIngress(address: string): Promise<void> {
    const [host = '', port = ''] = address.split(':');
    const metadata = { name: 'broker-ingress', namespace: EVENTING_NAMESPACE };
    const spec = { clusterIP: 'None', ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: Number(port) }] };
    await this.client.apply(Service, { apiVersion: 'v1', kind: 'Service', metadata, spec }, { fieldManager: 'test' });
    await this.client.apply(
      EndpointSlice,
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'broker-ingress' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [host], conditions: { ready: true } }],
        ports: [{ name: 'http', port: Number(port), protocol: 'TCP' }],
      },
      { fieldManager: 'test' },
    );
  }

  async stop(): Promise<void> {
    await this.#controllers?.stop();
    this.informers.stop();
    await this.api.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}

interface Message {
  readonly type: string;
  readonly addresses?: Record<string, string>;
  readonly message?: string;
}

export interface BrokerEnvironment {
  readonly [name: string]: string;
}

/** The broker process, as the control process starts it. */
export class BrokerProcess {
  readonly child: ChildProcess;
  readonly ingress: string;
  readonly admin: string;
  readonly ready: Promise<void>;

  private constructor(child: ChildProcess, addresses: Record<string, string>, ready: Promise<void>) {
    this.child = child;
    this.ingress = addresses['ingress'] ?? '';
    this.admin = addresses['admin'] ?? '';
    this.ready = ready;
  }

  static async start(program: string, env: BrokerEnvironment): Promise<BrokerProcess> {
    const child = fork(program, [], {
      env: { ...process.env, NODE_OPTIONS: '', LOG_LEVEL: 'error', ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const heard = (type: string) =>
      new Promise<Message>((resolve, reject) => {
        child.on('message', (message: Message) => {
          if (message.type === type) resolve(message);
          else if (message.type === 'failed') reject(new Error(message.message));
        });
        child.once('exit', (code) => reject(new Error(`the broker ended with ${code} before it was ${type}`)));
      });
    const ready = heard('ready').then(() => undefined);
    ready.catch(() => undefined);
    const { addresses = {} } = await heard('listening');
    return new BrokerProcess(child, addresses, ready);
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const exited = new Promise<number | null>((resolve) => this.child.once('exit', (code) => resolve(code)));
    this.child.kill(signal);
    return exited;
  }
}

/** Bundles the broker's program into a folder; returns its file. */
export async function buildBroker(dir: string): Promise<string> {
  const outfile = join(dir, 'broker.mjs');
  await build({
    entryPoints: ['eventing/broker/main.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return outfile;
}

/** The environment that lets a broker process reach this API server over HTTPS. */
export async function listenForBroker(world: EventingWorld): Promise<BrokerEnvironment> {
  const pki = await openPki(join(world.dir, 'pki'));
  const { port } = await world.api.listen({
    host: '127.0.0.1',
    port: 0,
    tls: { cert: pki.cert, key: pki.key },
    tokens: [pki.token],
  });
  return {
    ZEROTH_API_URL: `https://127.0.0.1:${port}`,
    ZEROTH_API_TOKEN_FILE: pki.tokenFile,
    ZEROTH_API_CA_FILE: pki.caFile,
    BROKER_LISTEN: '127.0.0.1:0',
    ADMIN_LISTEN: '127.0.0.1:0',
    BROKER_DATA_DIR: join(world.dir, 'broker'),
  };
}

/** An embedded API server and a node agent in a folder of their own, in this process. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Registry } from 'prom-client';
import type { Test } from 'tap';
import { Pod, type Container, type PodSpec } from '../../../api/core.ts';
import type { InstanceNetwork } from '../../../api/zeroth.ts';
import { Client } from '../../../kube/client.ts';
import { CoreEvent } from '../../../kube/events.ts';
import { Informers } from '../../../kube/informers.ts';
import { createLogger } from '../../../kube/log.ts';
import { ApiServer } from '../../../local/apiserver/main.ts';
import { openPki } from '../../../local/apiserver/pki.ts';
import { ImageStore } from '../../../local/node/image-store.ts';
import { startNodeAgent, type NodeAgent } from '../../../local/node/main.ts';
import { until } from './until.ts';
import { claimTestNetwork } from '../../test-network.ts';

export interface Cluster {
  readonly dir: string;
  readonly server: ApiServer;
  readonly client: Client;
  readonly informers: Informers;
  readonly images: ImageStore;
  readonly network: InstanceNetwork;
  /** PEM; empty when the API is not served. */
  readonly caCert: string;
  agent: NodeAgent;
  /** Stops the agent and starts another over the same state. */
  restartAgent(): Promise<void>;
  /** A pod bound to this node, in namespace `default`. */
  run(name: string, spec: Partial<PodSpec> & { containers: Container[] }, metadata?: object): Promise<Pod>;
  get(name: string): Promise<Pod>;
  /** Waits for a pod that satisfies the condition. */
  see(name: string, condition: (pod: Pod) => boolean, deadline?: number): Promise<Pod>;
  log(name: string, options?: object): Promise<string>;
  /** Makes a folder of files into an image; an executable file has a mode. */
  image(name: string, files: Record<string, string>): Promise<void>;
}

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;

/** @param https also serve the API as pods reach it */
export async function openCluster(t: Test, { https = false } = {}): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), 'zeroth-node-'));
  const log = createLogger(process.env.LOG === undefined ? 'error' : 'debug');
  const network = await claimTestNetwork(t, 9080);
  const server = await ApiServer.open({ dir: join(dir, 'api'), admissions: [], servicePrefix: network.prefix, log });
  const pki = https ? await openPki(join(dir, 'pki')) : undefined;
  const port =
    pki === undefined
      ? 6443
      : (await server.listen({ host: '127.0.0.1', port: 0, tls: pki, tokens: [pki.token] })).port;
  const client = new Client(server.transport);
  const informers = new Informers(client, log);
  const images = await ImageStore.open(dir);
  const startAgent = (): Promise<NodeAgent> =>
    startNodeAgent({
      client,
      informers,
      log,
      systemNamespace: 'knative-serving',
      dir,
      images,
      network,
      apiUrl: `https://127.0.0.1:${String(port)}`,
      registry: new Registry(),
    });
  const cluster: Cluster = {
    dir,
    server,
    client,
    informers,
    images,
    network,
    caCert: pki?.caCert ?? '',
    agent: await startAgent(),
    async restartAgent() {
      await cluster.agent.stop();
      cluster.agent = await startAgent();
      server.podStreams = cluster.agent;
    },
    run: (name, spec, metadata = {}) =>
      client.create(Pod, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', ...metadata },
        spec: { nodeName: 'zeroth', enableServiceLinks: false, ...spec },
      }),
    get: (name) => client.get(Pod, 'default', name),
    async see(name, condition, deadline = 15_000) {
      let seen: Pod | undefined;
      try {
        await until(async () => {
          seen = await client.find(Pod, 'default', name);
          return seen !== undefined && condition(seen);
        }, deadline);
      } catch {
        const events = (await client.list(CoreEvent, { namespace: 'default' })).items
          .filter((event) => event.involvedObject.name === name)
          .map((event) => `${event.reason ?? ''}: ${event.message ?? ''}`);
        throw new Error(`pod ${name} not as wanted: ${JSON.stringify([events, seen?.status], undefined, 1)}`);
      }
      return seen as Pod;
    },
    async log(name, options = {}) {
      return text(await cluster.agent.logs(await cluster.get(name), options, new AbortController().signal));
    },
    async image(name, files) {
      const folder = mkdtempSync(join(dir, 'source-'));
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), content);
        if (content.startsWith('#!')) chmodSync(join(folder, path), 0o755);
      }
      await images.build(folder, name);
    },
  };
  server.podStreams = cluster.agent;
  t.teardown(async () => {
    await cluster.agent.stop();
    informers.stop();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return cluster;
}

/**
 * The node agent: runs the pods that are bound to node `zeroth` on this machine.
 * In: pods, config maps, secrets, services and routes (informers), images (image-store.ts).
 * Out: pod statuses, the Node object, events; logs, commands and connections (kube/pod-streams.ts).
 * Never: decides what runs where, talks to a pod for anybody else, lets a process outlive it.
 */
import { mkdirSync } from 'node:fs';
import { cpus, homedir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import type { Registry } from 'prom-client';
import { ConfigMap, Pod, Secret, Service, ServiceAccount } from '../../api/core.ts';
import type { KubeObject } from '../../api/object.ts';
import type { InstanceNetwork } from '../../api/zeroth.ts';
import { systemClock } from '../../kube/clock.ts';
import type { ControllerOptions } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/events.ts';
import { AddressPool } from './addresses.ts';
import { NodeAgent } from './agent.ts';
import { HostNames } from './host-names.ts';
import type { ImageStore } from './image-store.ts';
import { createMetrics } from './metrics.ts';
import { NODE_ADDRESS, NODE_NAME, registerNode } from './node-object.ts';
import type { PodWorkerOptions } from './pod/pod-worker.ts';
import { lowestPort, PortPool, portLimits, systemPortRange } from './ports.ts';
import { ProcessRuntime } from './runtime/process/process-runtime.ts';
import { Accounts } from './volume/accounts.ts';
import { tokenSource } from './volume/tokens.ts';

export type { NodeAgent } from './agent.ts';

export interface NodeAgentOptions extends ControllerOptions {
  /** The state folder; the agent's own is `node` in it. */
  readonly dir: string;
  readonly images: ImageStore;
  readonly network: InstanceNetwork;
  /** The API server as pods reach it. */
  readonly apiUrl: string;
  readonly registry: Registry;
}

const VERSION = '0.1.0';

/** Resolves when the node is registered and its pods are being started. */
export async function startNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const { client, informers, network, images, registry } = options;
  const clock = options.clock ?? systemClock;
  const log = options.log.with({ controller: 'node-agent' });
  const folder = resolve(options.dir, 'node');
  // Containers of another user have to get through to their own folders; nobody can list them.
  mkdirSync(join(folder, 'pods'), { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const caches = [Pod, ConfigMap, Secret, Service, ServiceAccount].map((type) => informers.of<KubeObject>(type));
  const runtime = await ProcessRuntime.open({ folder: join(folder, 'runtime'), clock });
  if (runtime.leftovers > 0) log.warn('killed processes left by an earlier run', { count: runtime.leftovers });
  const ports = new PortPool(systemPortRange(), seedOf(network), () => clock.now());
  await Promise.all([...caches.map((cache) => cache.synced), ports.fill(), registerNode(client, clock.now(), VERSION)]);
  const api = new URL(options.apiUrl);
  const facts = { hostIP: NODE_ADDRESS, nodeName: NODE_NAME, cpus: cpus().length, memory: totalmem() };
  const services = informers.of(Service);
  const find = {
    configMap: (namespace: string, name: string) => informers.of(ConfigMap).get(namespace, name),
    secret: (namespace: string, name: string) => informers.of(Secret).get(namespace, name),
  };
  const accounts = runtime.ownFolders
    ? new Accounts({
        account: (namespace, name) => informers.of(ServiceAccount).get(namespace, name),
        configMap: find.configMap,
        client,
        clock,
        log,
      })
    : undefined;
  const worker: PodWorkerOptions = {
    machine: {
      runtime,
      images,
      ports,
      clock,
      log,
      metrics: createMetrics(registry),
      path: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
      home: homedir(),
      stubborn: new Set(),
    },
    client,
    events: new EventRecorder(client, 'node-agent', clock, log),
    addresses: new AddressPool(network.prefix),
    names: new HostNames(informers, network, clock),
    hostIP: NODE_ADDRESS,
    folder: join(folder, 'pods'),
    environment: (pod, podIP) => {
      const namespace = pod.metadata.namespace ?? '';
      return {
        facts: { ...facts, podIP },
        configMap: (name) => find.configMap(namespace, name),
        secret: (name) => find.secret(namespace, name),
        services: pod.spec?.enableServiceLinks === false ? [] : services.list(namespace),
        apiHost: api.hostname,
        apiPort: api.port === '' ? '443' : api.port,
      };
    },
    outwardPorts: () => {
      const ports = services.list().flatMap((service) => (service.spec?.ports ?? []).map((port) => port.port));
      return [...new Set([network.clusterPort, Number(api.port === '' ? 443 : api.port), ...ports])];
    },
    volumes: { ...find, facts, tokens: tokenSource(client, clock), clock, log },
    accounts,
  };
  const agent = new NodeAgent(informers, worker, portLimits(lowestPort(), network));
  agent.start();
  return agent;
}

/** Instances beside each other have networks of their own, so they begin at other ports. */
function seedOf(network: InstanceNetwork): number {
  return Number(network.prefix.split('.')[1] ?? 0) * 89;
}

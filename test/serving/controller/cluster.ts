/**
 * The controllers over the embedded API server, with real workloads and autoscaler. Pods are played by a kubelet that
 * makes every one ready at once (or as told), the gateway by one that accepts every Ingress.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { Node, Pod } from '../../../api/core.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { ResourceType } from '../../../api/resource.ts';
import { SERVING_NAMESPACE } from '../../../api/zeroth.ts';
import { installManifests, publishPorts } from '../../../cli/install.ts';
import { Client } from '../../../kube/client.ts';
import { isConflict, isNotFound } from '../../../kube/errors.ts';
import { Informers } from '../../../kube/informers.ts';
import { createLogger, silentLogger } from '../../../kube/log.ts';
import type { ApiRequest, Transport } from '../../../kube/transport.ts';
import { ApiServer } from '../../../local/apiserver/main.ts';
import { startWorkloads } from '../../../local/workloads/main.ts';
import { startAutoscaler } from '../../../serving/autoscaler/main.ts';
import { servingAdmissions } from '../../../serving/controller/admission.ts';
import { startServingControllers } from '../../../serving/controller/main.ts';

export interface Write {
  readonly method: string;
  readonly path: string;
}

export interface Cluster {
  /** The user's client: its writes are not counted. */
  readonly client: Client;
  /** Every write of the serving controllers, in order. */
  readonly writes: Write[];
  /** What the kubelet makes of a pod; undefined leaves it alone. */
  podStatus: (pod: Pod) => Pod['status'] | undefined;
  resolveImage: (image: string, signal: AbortSignal) => Promise<string>;
  /** Resolves with the object once the condition holds; rejects after the deadline with what it last looked like. */
  until<T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
    holds: (object: T) => boolean,
    namespace?: string,
  ): Promise<T>;
  /** Resolves once nothing has been written for `ms`. */
  quiet(ms?: number): Promise<void>;
  /** Stops the serving controllers and starts others that know nothing. */
  restartControllers(): Promise<void>;
  stop(): Promise<void>;
}

const DEADLINE = 30_000;

export interface ClusterOptions {
  /** The serving controllers hear of every change this many ms late, as over a network. */
  readonly lag?: number;
  /** What the serving controllers speak through, made anew for each start of theirs. */
  readonly wrap?: (transport: Transport) => Transport;
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), 'zeroth-serving-'));
  const log = process.env.VERBOSE === undefined ? silentLogger : createLogger('debug');
  const registry = new Registry();
  const api = await ApiServer.open({ dir, admissions: [...servingAdmissions], servicePrefix: '127.250', log });
  const client = new Client(api.transport);
  const writes: Write[] = [];
  const network = { prefix: '127.250', gateway: '127.250.0.1', clusterPort: 8081 };
  await installManifests(client, 'localhost');
  await publishPorts(client, { external: 8080, cluster: 8081, externalHttps: 8443, clusterHttps: 8444 });
  await client.create(Node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'zeroth' },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const informers = new Informers(client, log);
  const base = { client, informers, log, systemNamespace: SERVING_NAMESPACE };
  const cluster: Cluster = {
    client,
    writes,
    podStatus: readyPod,
    resolveImage: (image) => Promise.resolve(`${image}@sha256:${'a'.repeat(64)}`),
    until,
    quiet,
    restartControllers,
    stop,
  };
  const stopKubelet = playKubelet(client, informers, (pod) => cluster.podStatus(pod));
  const stopGateway = playGateway(client, informers);
  const wrap = options.wrap ?? ((transport) => transport);
  const shared = options.lag === undefined && options.wrap === undefined;
  let seen = informers;
  const startControllers = () => {
    const counted = new Client(countWrites(late(wrap(api.transport), options.lag ?? 0), writes));
    if (!shared) seen = new Informers(counted, log);
    return startServingControllers({
      ...base,
      client: counted,
      informers: seen,
      registry: new Registry(),
      resolveImage: (image, signal) => cluster.resolveImage(image, signal),
    });
  };
  const parts = await Promise.all([
    startWorkloads({ ...base, network }),
    startAutoscaler({ ...base, registry, host: '127.0.0.1', port: 0 }),
  ]);
  let controllers = await startControllers();

  function until<T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
    holds: (object: T) => boolean,
    namespace = 'default',
  ): Promise<T> {
    const informer = informers.of(type);
    return new Promise((resolve, reject) => {
      let done = false;
      const timer = setTimeout(() => {
        done = true;
        const last = informer.get(namespace, name);
        reject(new Error(`${type.kind} ${name}: not within ${DEADLINE} ms; last ${JSON.stringify(last, null, 1)}`));
      }, DEADLINE);
      informer.onChange((_, object) => {
        if (done || object === undefined || object.metadata.name !== name) return;
        if (object.metadata.namespace !== namespace || !holds(object)) return;
        done = true;
        clearTimeout(timer);
        resolve(object);
      });
    });
  }

  function quiet(ms = 150): Promise<void> {
    return new Promise((resolve) => {
      let seen = writes.length;
      const look = (): void => {
        if (writes.length === seen) return resolve();
        seen = writes.length;
        setTimeout(look, ms);
      };
      setTimeout(look, ms);
    });
  }

  async function restartControllers(): Promise<void> {
    await controllers.stop();
    if (!shared) seen.stop();
    controllers = await startControllers();
  }

  async function stop(): Promise<void> {
    await controllers.stop();
    stopKubelet();
    stopGateway();
    for (const part of parts.reverse()) await part.stop();
    informers.stop();
    seen.stop();
    await api.close();
    await rm(dir, { recursive: true, force: true });
  }

  return cluster;
}

/** A pod that runs and answers. */
export function readyPod(pod: Pod): Pod['status'] {
  const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    phase: 'Running',
    podIP: '127.250.1.1',
    podIPs: [{ ip: '127.250.1.1' }],
    startTime: time,
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: time,
    })),
    containerStatuses: (pod.spec?.containers ?? []).map(({ name, image = '' }) => ({
      name,
      image,
      imageID: image,
      ready: true,
      restartCount: 0,
      state: { running: { startedAt: time } },
    })),
  };
}

function playKubelet(
  client: Client,
  informers: Informers,
  status: (pod: Pod) => Pod['status'] | undefined,
): () => void {
  let stopped = false;
  informers.of(Pod).onChange((_, pod) => {
    if (stopped || pod?.spec?.nodeName === undefined) return;
    const { namespace, name, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      void ignoringRaces(client.delete(Pod, namespace, name, { gracePeriodSeconds: 0 }));
      return;
    }
    if (pod.status?.podIP !== undefined) return;
    const next = status(pod);
    if (next !== undefined) void ignoringRaces(client.update(Pod, { ...pod, status: next }, 'status'));
  });
  return () => (stopped = true);
}

function playGateway(client: Client, informers: Informers): () => void {
  let stopped = false;
  informers.of(Ingress).onChange((_, ingress) => {
    if (stopped || ingress === undefined || ingress.status?.observedGeneration === ingress.metadata.generation) return;
    const status: Ingress['status'] = {
      observedGeneration: ingress.metadata.generation,
      conditions: ['LoadBalancerReady', 'NetworkConfigured', 'Ready'].map((type) => ({ type, status: 'True' })),
      publicLoadBalancer: { ingress: [{ domainInternal: 'activator-service.knative-serving.svc.cluster.local' }] },
      privateLoadBalancer: { ingress: [{ domainInternal: 'activator-service.knative-serving.svc.cluster.local' }] },
    };
    void ignoringRaces(client.update(Ingress, { ...ingress, status }, 'status'));
  });
  return () => (stopped = true);
}

async function ignoringRaces(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

/** Delays what a watch tells, in order. */
function late(transport: Transport, lag: number): Transport {
  if (lag === 0) return transport;
  return {
    request: (request, signal) => transport.request(request, signal),
    watch(request, watcher) {
      let closed = false;
      const handle = transport.watch(request, {
        onEvent: (event) => {
          setTimeout(() => {
            if (!closed) watcher.onEvent(event);
          }, lag);
        },
        onEnd: (error) => {
          setTimeout(() => {
            if (!closed) watcher.onEnd(error);
          }, lag);
        },
      });
      return {
        close() {
          closed = true;
          handle.close();
        },
      };
    },
  };
}

function countWrites(transport: Transport, writes: Write[]): Transport {
  return {
    request: (request: ApiRequest, signal) => {
      if (request.method !== 'GET') writes.push({ method: request.method, path: request.path });
      return transport.request(request, signal);
    },
    watch: (request, watcher) => transport.watch(request, watcher),
  };
}

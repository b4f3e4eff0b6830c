/** The autoscaler against the real embedded API server, with a clock that the test moves. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { ConfigMap, CustomResourceDefinition, Deployment, Namespace, Pod } from '../../../api/core.ts';
import { LOAD_REPORT_PATH, type ActivatorMessage } from '../../../api/load-report.ts';
import { ServerlessService } from '../../../api/networking/serverless-service.ts';
import { Client } from '../../../kube/client.ts';
import { Informers } from '../../../kube/informers.ts';
import { createLogger } from '../../../kube/log.ts';
import type { ApiRequest, Transport } from '../../../kube/transport.ts';
import { ApiServer } from '../../../local/apiserver/main.ts';
import { startAutoscaler, type Autoscaler } from '../../../serving/autoscaler/main.ts';
import { podAutoscaler } from './fixtures.ts';
import { ManualClock } from './manual-clock.ts';

export const NAME = 'hello-00001';
const TARGET = `${NAME}-deployment`;
const LABELS = { 'serving.knative.dev/revision': NAME };

export interface World {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: ManualClock;
  readonly registry: Registry;
  readonly log: string[];
  /** Requests of the autoscaler that changed something, as `METHOD PATH`. */
  readonly writes: { readonly line: string; readonly body: unknown }[];
  autoscaler: Autoscaler;
  /** @param gap ms without an autoscaler */
  restart(gap: number): Promise<void>;
}

export async function startWorld(t: Test, config: Record<string, string> = {}): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'autoscaler-'));
  const log: string[] = [];
  const logger = createLogger('warn', {}, (line) => void log.push(line));
  const server = await ApiServer.open({ dir, admissions: [], log: logger });
  const client = new Client(server.transport);
  for (const file of readdirSync('config/crds').filter((name) => /podautoscalers|metrics|serverless/.test(name)))
    await client.create(
      CustomResourceDefinition,
      parse(readFileSync(join('config/crds', file), 'utf8')) as CustomResourceDefinition,
    );
  await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'knative-serving' } });
  await client.create(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'config-autoscaler', namespace: 'knative-serving' },
    data: config,
  });
  const writes: World['writes'] = [];
  const counted: Transport = {
    request(request: ApiRequest, signal) {
      if (request.method !== 'GET') writes.push({ line: `${request.method} ${request.path}`, body: request.body });
      return server.transport.request(request, signal);
    },
    watch: (request, watcher) => server.transport.watch(request, watcher),
  };
  const clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
  const start = async () => {
    const own = new Client(counted);
    const informers = new Informers(own, logger);
    const registry = new Registry();
    const autoscaler = await startAutoscaler({
      client: own,
      informers,
      log: logger,
      systemNamespace: 'knative-serving',
      clock,
      registry,
      host: '127.0.0.1',
      port: 0,
    });
    return { autoscaler, informers, registry };
  };
  const world = {
    client,
    clock,
    log,
    writes,
    ...(await start()),
    async restart(gap: number) {
      await world.autoscaler.stop();
      world.informers.stop();
      clock.advance(gap);
      Object.assign(world, await start());
    },
  };
  t.teardown(async () => {
    await world.autoscaler.stop();
    world.informers.stop();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return world;
}

/** What the Revision controller writes. */
export async function createRevision(world: World, annotations: Record<string, string> = {}): Promise<void> {
  const { client } = world;
  await client.create(Deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: TARGET, namespace: 'default', labels: LABELS },
    spec: {
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS }, spec: { containers: [{ name: 'c', image: 'hello' }] } },
    },
  });
  const { uid: _uid, generation: _generation, ...metadata } = podAutoscaler({ annotations }).metadata;
  await client.create(PodAutoscaler, { ...podAutoscaler({ annotations }), metadata });
}

/** What the ServerlessService controller writes, now and whenever the spec changes. */
export async function serveRevision(world: World): Promise<void> {
  const lastTransitionTime = new Date(world.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const serve = async (service: ServerlessService) => {
    const observedGeneration = service.metadata.generation;
    if (service.status?.observedGeneration === observedGeneration) return;
    const status = {
      observedGeneration,
      serviceName: NAME,
      privateServiceName: `${NAME}-private`,
      conditions: [
        { type: 'ActivatorEndpointsPopulated', status: 'True', lastTransitionTime, severity: 'Info' },
        { type: 'Ready', status: 'True', lastTransitionTime },
      ],
    };
    await world.client.patch(ServerlessService, 'default', NAME, { status }, { subresource: 'status' });
  };
  world.informers.of(ServerlessService).onChange((_before, service) => {
    if (service !== undefined) void serve(service).catch((error: unknown) => world.log.push(String(error)));
  });
  await until(world, 'ServerlessService', () => getService(world)?.status?.privateServiceName !== undefined);
}

/** What ReplicaSet controller and node agent do: as many ready pods as the Deployment asks for. */
export async function runPods(world: World, count: number): Promise<void> {
  const pods = (await world.client.list(Pod, { namespace: 'default' })).items;
  for (const pod of pods.slice(count))
    await world.client.delete(Pod, 'default', pod.metadata.name, { gracePeriodSeconds: 0 });
  for (let i = pods.length; i < count; i++) {
    const name = `${NAME}-${i}-${world.clock.now()}`;
    await world.client.create(Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels: LABELS },
      spec: { containers: [{ name: 'c', image: 'hello' }] },
    });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await world.client.patch(Pod, 'default', name, { status }, { subresource: 'status' });
  }
}

export const getService = (world: World) => world.informers.of(ServerlessService).get('default', NAME);
export const getPodAutoscaler = (world: World) => world.informers.of(PodAutoscaler).get('default', NAME);
export const replicas = (world: World) =>
  world.informers.of(Deployment).get('default', TARGET)?.spec?.replicas ?? undefined;

export function condition(world: World, type: string): string {
  const found = getPodAutoscaler(world)?.status?.conditions?.find((one) => one.type === type);
  return found === undefined ? 'none' : [found.status, found.reason].filter(Boolean).join(' ');
}

export async function connectActivator(
  world: World,
): Promise<{ send(message: ActivatorMessage): void; close(): void }> {
  const socket = new WebSocket(world.autoscaler.url + LOAD_REPORT_PATH);
  await once(socket, 'open');
  return { send: (message) => socket.send(JSON.stringify(message)), close: () => socket.close() };
}

/**
 * Waits; the clock passes slowly meanwhile, so that what is retried after a conflict is retried. Fails after ten seconds
 * with what it waited for.
 */
export async function until(world: World, what: string, check: () => boolean, step = 1): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!check()) {
    if (Date.now() > deadline) {
      const status = JSON.stringify(getPodAutoscaler(world)?.status);
      throw new Error(`no ${what} in time; status: ${status}; log: ${world.log.join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
    world.clock.advance(step);
  }
}

/** Lets the clock pass second by second, and the controllers work in between. */
export async function pass(world: World, seconds: number, each: () => void = () => undefined): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    each();
    world.clock.advance(1000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

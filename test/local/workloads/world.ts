/** The workloads against the real embedded API server, in-process, in a folder of their own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Node, Pod, type Deployment } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { ResourceType } from '../../../api/resource.ts';
import type { InstanceNetwork } from '../../../api/zeroth.ts';
import type { Admission } from '../../../kube/admission.ts';
import type { Clock } from '../../../kube/clock.ts';
import { Client } from '../../../kube/client.ts';
import { Informers } from '../../../kube/informers.ts';
import { createLogger } from '../../../kube/log.ts';
import { ApiServer } from '../../../local/apiserver/main.ts';
import { startWorkloads, type Workloads } from '../../../local/workloads/main.ts';
import { claimTestNetwork } from '../../test-network.ts';

export interface World {
  readonly client: Client;
  readonly informers: Informers;
  readonly server: ApiServer;
  readonly workloads: Workloads;
  readonly network: InstanceNetwork;
  /** Warnings and errors. */
  readonly log: string[];
}

export async function startWorld(
  t: Test,
  options: { node?: boolean; caCert?: string; clock?: Clock; admissions?: readonly Admission[] } = {},
): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'workloads-'));
  const lines: string[] = [];
  const log = createLogger('warn', {}, (line) => void lines.push(line));
  const network = await claimTestNetwork(t, 18_080);
  const server = await ApiServer.open({
    dir,
    admissions: options.admissions ?? [],
    servicePrefix: network.prefix,
    log,
  });
  const client = new Client(server.transport);
  if (options.node !== false) await addNode(client);
  const informers = new Informers(client, log);
  const workloads = await startWorkloads({
    client,
    informers,
    log,
    systemNamespace: 'zeroth-system',
    network,
    caCert: options.caCert,
    clock: options.clock,
  });
  t.teardown(async () => {
    await workloads.stop();
    informers.stop();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return { client, informers, server, workloads, network, log: lines };
}

/** As the node agent does: the object, then what it can carry. */
export async function addNode(client: Client): Promise<void> {
  await client.create(Node, makeNode());
  await client.patch(Node, undefined, 'zeroth', { status: makeNode().status }, { subresource: 'status' });
}

function makeNode(allocatable: Record<string, string> = { cpu: '4', memory: '8Gi', pods: '110' }): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'zeroth', labels: { 'kubernetes.io/hostname': 'zeroth' } },
    status: {
      allocatable,
      capacity: allocatable,
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

export function makeDeployment(name: string, spec: Partial<NonNullable<Deployment['spec']>> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'c', image: 'one', ports: [{ name: 'web', containerPort: 8080 }] }] },
      },
      ...spec,
    },
  };
}

/** Stands in for the node agent: runs every pod at once, ends those that are deleted. */
export function runPods(world: World, t: Test): { hold: boolean; readonly release: () => void } {
  let last = 0;
  const control = {
    hold: false,
    release() {
      control.hold = false;
      for (const pod of world.informers.of(Pod).list()) void step(pod).catch(t.error);
    },
  };
  const step = async (pod: Pod): Promise<void> => {
    const { namespace, name, uid, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      await world.client.delete(Pod, namespace, name, { gracePeriodSeconds: 0, uid });
      return;
    }
    if (control.hold || !pod.spec?.nodeName || pod.status?.podIP !== undefined) return;
    await setPod(world, pod, { phase: 'Running', podIP: `127.1.1.${++last}`, ready: true });
  };
  world.informers.of(Pod).onChange((_previous, current) => {
    // The namesake may have gone or changed since.
    if (current !== undefined) void step(current).catch(() => undefined);
  });
  return control;
}

export async function setPod(
  world: World,
  pod: Pod,
  { phase, podIP, ready }: { phase: string; podIP?: string; ready?: boolean },
): Promise<void> {
  const now = new Date().toISOString().replace(/\.\d+/, '');
  const conditions =
    ready === undefined ? [] : [condition('Ready', ready, now), condition('ContainersReady', ready, now)];
  await world.client.patch(
    Pod,
    pod.metadata.namespace,
    pod.metadata.name,
    { status: { phase, podIP, podIPs: podIP === undefined ? undefined : [{ ip: podIP }], conditions } },
    { subresource: 'status' },
  );
}

const condition = (type: string, status: boolean, now: string) => ({
  type,
  status: status ? 'True' : 'False',
  lastTransitionTime: now,
});

/** Waits until `check` holds for the cached objects of a kind; fails after ten seconds. */
export function until<T extends KubeObject>(
  world: World,
  type: ResourceType<T>,
  check: (objects: T[]) => boolean,
): Promise<T[]> {
  const informer = world.informers.of(type);
  return new Promise((resolve, reject) => {
    let done = false;
    const timer = setTimeout(() => {
      done = true;
      const found = JSON.stringify(informer.list().slice(0, 5).map(brief), null, 1);
      reject(
        new Error(
          `not so after 10 s: ${check.toString()}\n${informer.list().length} objects: ${found.slice(0, 8_000)}`,
        ),
      );
    }, 10_000);
    const look = (): void => {
      if (done || !check(informer.list())) return;
      done = true;
      clearTimeout(timer);
      resolve(informer.list());
    };
    informer.onChange(() => queueMicrotask(look));
    queueMicrotask(look);
  });
}

function brief({ metadata: { managedFields: _, ...metadata }, ...rest }: KubeObject): unknown {
  return { ...rest, metadata };
}

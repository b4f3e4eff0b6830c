/** Keeps one worker for each pod that is bound to this node, and answers for their logs, commands and ports. */
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { ConfigMap, Pod, Secret, ServiceAccount } from '../../api/core.ts';
import { ApiError, failure } from '../../kube/errors.ts';
import type { Informers } from '../../kube/informers.ts';
import type { ExecSession, LogOptions, PodStreams } from '../../kube/pod-streams.ts';
import type { NodeUsage, PodUsage, ResourceUsage } from '../../kube/resource-usage.ts';
import { readLog } from './logs/log-reader.ts';
import { NODE_NAME } from './node-object.ts';
import type { ContainerLoop } from './pod/container-loop.ts';
import { PodWorker, type PodWorkerOptions } from './pod/pod-worker.ts';
import { UsageMeter } from './usage.ts';
import { ROOT_CA } from './volume/accounts.ts';
import { messageOf } from '../../kube/message.ts';

/** Containers get this long to end when the agent itself ends, ms. */
const STOP_GRACE = 5_000;
const ADOPT_RETRY = 5_000;

export class NodeAgent implements PodStreams, ResourceUsage {
  /** A line for each thing this machine cannot do. */
  readonly limits: readonly string[];
  readonly #informers: Informers;
  readonly #options: PodWorkerOptions;
  readonly #workers = new Map<string, PodWorker>();
  readonly #usage: UsageMeter;
  #stopping: Promise<void> | undefined;
  #stopWatchingImages: (() => void) | undefined;

  /** @param limits of what is around the pods */
  constructor(informers: Informers, options: PodWorkerOptions, limits: readonly string[] = []) {
    this.#informers = informers;
    this.#options = options;
    this.#usage = new UsageMeter(options.machine.clock, () => [...this.#workers.values()].map((one) => one.metered()));
    this.limits = [...options.machine.runtime.limits, ...limits];
  }

  /** Caches are to be synced. */
  start(): void {
    const pods = this.#informers.of(Pod);
    this.#removeFolders(new Set(pods.list().map((pod) => pod.metadata.uid ?? '')));
    const { accounts } = this.#options;
    if (accounts !== undefined) {
      this.#informers.of(ServiceAccount).onChange((previous, current) => accounts.accountChanged(previous, current));
      this.#informers.of(ConfigMap).onChange((previous, current) => {
        const { namespace = '', name } = (current ?? previous)?.metadata ?? {};
        if (name === ROOT_CA) accounts.caChanged(namespace);
      });
    }
    pods.onChange((previous, current) => this.#changed(previous, current));
    this.#stopWatchingImages = this.#options.machine.images.onBuilt(
      () => {
        for (const worker of this.#workers.values()) worker.imagesChanged();
      },
      // They are looked for every now and then all the same.
      (error) => this.#options.machine.log.warn('the image store cannot be watched', { error }),
    );
    for (const type of [ConfigMap, Secret] as const)
      this.#informers.of<ConfigMap | Secret>(type).onChange((previous, current) => {
        const namespace = (current ?? previous)?.metadata.namespace;
        for (const worker of this.#workers.values())
          if (worker.pod.metadata.namespace === namespace) worker.refreshVolumes();
      });
  }

  /** Ends all containers; their pods stay as they are, to be started again by the next life. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async logs(pod: Pod, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    const loop = this.#container(pod, options.container);
    const log = loop.log(options.previous === true);
    if (log === undefined) {
      const { name } = loop.container;
      if (options.previous === true)
        throw badRequest(`previous terminated container "${name}" in pod "${pod.metadata.name}" not found`);
      const { state } = loop.record;
      const why = state.kind === 'waiting' ? state.reason : state.kind;
      throw badRequest(`container "${name}" in pod "${pod.metadata.name}" is waiting to start: ${why}`);
    }
    return readLog(log.path, log.live, { ...options, now: this.#options.machine.clock.now() }, signal);
  }

  async exec(pod: Pod, session: ExecSession): Promise<number> {
    const loop = this.#container(pod, session.container);
    const { running } = loop;
    if (running === undefined)
      throw badRequest(`container "${loop.container.name}" of pod "${pod.metadata.name}" is not running`);
    try {
      return await running.command(session.command, session);
    } catch (error) {
      throw badRequest(messageOf(error));
    }
  }

  async connect(pod: Pod, port: number): Promise<Duplex> {
    const worker = this.#worker(pod);
    const socket = connectSocket({ host: worker.podIP, port: worker.realPort(port), allowHalfOpen: true });
    return new Promise((resolve, reject) => {
      socket.once('connect', () => {
        socket.off('error', reject);
        // Whoever holds the connection hears of its end; an error here has nobody else to go to.
        socket.on('error', () => socket.destroy());
        resolve(socket);
      });
      socket.once('error', reject);
    });
  }

  async podUsage(): Promise<readonly PodUsage[]> {
    return (await this.#usage.read()).pods;
  }

  async nodeUsage(): Promise<NodeUsage> {
    return { name: NODE_NAME, ...(await this.#usage.read()).node };
  }

  #changed(previous: Pod | undefined, current: Pod | undefined): void {
    const before = previous === undefined ? undefined : this.#workers.get(previous.metadata.uid ?? '');
    if (current === undefined || (previous !== undefined && previous.metadata.uid !== current.metadata.uid)) {
      if (before !== undefined) this.#forget(before, before.kill());
    }
    if (current === undefined || current.spec?.nodeName !== NODE_NAME || this.#stopping !== undefined) return;
    const known = this.#workers.get(current.metadata.uid ?? '');
    if (known !== undefined) return known.update(current);
    this.#adopt(current);
  }

  #adopt(pod: Pod): void {
    const phase = pod.status?.phase;
    const over = phase === 'Succeeded' || phase === 'Failed';
    const deleted = pod.metadata.deletionTimestamp !== undefined;
    let worker: PodWorker;
    try {
      worker = new PodWorker(pod, this.#options);
    } catch (error) {
      this.#adoptLater(pod, error);
      return;
    }
    this.#workers.set(worker.uid, worker);
    if (deleted) worker.update(pod);
    else if (!over) worker.start();
  }

  /** No address is free, or the disk is full: it may pass. */
  #adoptLater(pod: Pod, error: unknown): void {
    const { machine, events } = this.#options;
    machine.log.error('a pod could not be taken on, trying again', { pod: pod.metadata.name, error });
    events.record(pod, 'Warning', 'FailedCreatePodSandBox', messageOf(error));
    machine.clock.after(ADOPT_RETRY, () => {
      const { namespace, name, uid } = pod.metadata;
      const current = this.#informers.of(Pod).get(namespace, name);
      if (current !== undefined && current.metadata.uid === uid && !this.#workers.has(uid ?? ''))
        this.#changed(undefined, current);
    });
  }

  #forget(worker: PodWorker, ended: Promise<void>): void {
    void ended
      .catch((error: unknown) =>
        this.#options.machine.log.error('a pod could not be ended', { pod: worker.pod.metadata.name, error }),
      )
      .finally(() => this.#workers.delete(worker.uid));
  }

  #worker(pod: Pod): PodWorker {
    const worker = this.#workers.get(pod.metadata.uid ?? '');
    if (worker !== undefined) return worker;
    throw badRequest(`pod "${pod.metadata.name}" is not running on node "${NODE_NAME}"`);
  }

  #container(pod: Pod, name: string | undefined): ContainerLoop {
    const loop = this.#worker(pod).container(name);
    if (loop !== undefined) return loop;
    throw badRequest(`container ${name ?? ''} is not valid for pod ${pod.metadata.name}`);
  }

  async #stop(): Promise<void> {
    const { machine, names } = this.#options;
    names.stop();
    this.#options.accounts?.stop();
    this.#stopWatchingImages?.();
    await Promise.all([...this.#workers.values()].map((worker) => worker.end(STOP_GRACE, false)));
    await machine.runtime.stop();
  }

  #removeFolders(known: ReadonlySet<string>): void {
    for (const name of readdirSync(this.#options.folder))
      if (!known.has(name))
        void rm(join(this.#options.folder, name), { recursive: true, force: true }).catch((error: unknown) =>
          this.#options.machine.log.warn('a folder was not removed', { name, error }),
        );
  }
}

function badRequest(message: string): ApiError {
  return new ApiError(failure(400, 'BadRequest', message));
}

/** One pod from being bound to this node until it is gone. */
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Pod, type Container } from '../../../api/core.ts';
import { POD_TIMELINE_ANNOTATION, PORT_MAP_ANNOTATION, type PodTimeline } from '../../../api/zeroth.ts';
import type { Client } from '../../../kube/client.ts';
import type { EventRecorder } from '../../../kube/events.ts';
import type { AddressPool } from '../addresses.ts';
import { NodeError } from '../errors.ts';
import type { HostNames } from '../host-names.ts';
import { StatusWriter } from '../status-writer.ts';
import type { Metered } from '../usage.ts';
import type { Accounts } from '../volume/accounts.ts';
import { PodVolumes, type VolumeSources } from '../volume/pod-volumes.ts';
import { ContainerLoop } from './container-loop.ts';
import type { ContainerRecord } from './container-record.ts';
import type { Machine, PodContext } from './context.ts';
import type { EnvironmentSources } from './environment.ts';
import { lostRecord } from './lost.ts';
import { podStatus, sidecarNames, type PodView } from './pod-status.ts';
import { messageOf } from '../../../kube/message.ts';

export interface PodWorkerOptions {
  readonly machine: Machine;
  readonly client: Client;
  readonly events: EventRecorder;
  readonly addresses: AddressPool;
  readonly names: HostNames;
  readonly hostIP: string;
  /** Under which each pod has a folder. */
  readonly folder: string;
  readonly environment: (pod: Pod, podIP: string) => EnvironmentSources;
  readonly volumes: VolumeSources;
  /** Where containers can be given the files of their service account. */
  readonly accounts: Accounts | undefined;
  /** Ports that Services and the instance itself listen on. */
  readonly outwardPorts: () => number[];
}

const DEFAULT_GRACE = 30;
const REVISION_LABEL = 'serving.knative.dev/revision';
/** How often volumes that cannot be made are tried again, ms. */
const VOLUME_RETRY = 1_000;

export class PodWorker {
  readonly uid: string;
  readonly #options: PodWorkerOptions;
  readonly #context: PodContext;
  readonly #status: StatusWriter;
  readonly #volumes: PodVolumes;
  readonly #startTime: number;
  readonly #seen: number;
  readonly #address: string;
  readonly #loops: ContainerLoop[];
  readonly #init: ContainerLoop[];
  readonly #portMap = new Map<number, number>();
  #pod: Pod;
  #podIP: string;
  #hosts = '';
  #refused: PodView['refused'];
  #terminating = false;
  #ending: Promise<void> | undefined;
  #stopListening: () => void;

  constructor(pod: Pod, options: PodWorkerOptions) {
    const { machine } = options;
    this.#options = options;
    this.#pod = pod;
    this.uid = pod.metadata.uid ?? '';
    this.#seen = machine.clock.now();
    this.#startTime = pod.status?.startTime === undefined ? this.#seen : Date.parse(pod.status.startTime);
    const folder = join(options.folder, this.uid);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    this.#address = options.addresses.take();
    this.#podIP = this.#address;
    this.#volumes = new PodVolumes(
      folder,
      () => this.#pod,
      () => this.#podIP,
      options.volumes,
    );
    this.#context = this.#makeContext(folder);
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    const before = (container: Container): ContainerRecord | undefined => {
      const status = statuses.find((one) => one.name === container.name);
      return status === undefined ? undefined : lostRecord(status, this.#seen);
    };
    const sidecars = sidecarNames(pod);
    this.#init = (pod.spec?.initContainers ?? []).map(
      (one) => new ContainerLoop(one, sidecars.has(one.name) ? 'sidecar' : 'init', this.#context, before(one)),
    );
    this.#loops = (pod.spec?.containers ?? []).map((one) => new ContainerLoop(one, 'main', this.#context, before(one)));
    this.#status = new StatusWriter(
      {
        client: options.client,
        clock: machine.clock,
        log: machine.log,
        onWrite: () => machine.metrics.statusWrites.inc(),
      },
      pod,
      () => ({ status: podStatus(this.#pod, this.#view(), machine.clock.now()), annotations: this.#annotations() }),
    );
    const stops = [
      options.names.onChange(() => this.#renewHosts()),
      options.accounts?.onChange(pod, () => this.#renewAccount()),
    ];
    this.#stopListening = () => {
      for (const stop of stops) stop?.();
    };
  }

  get podIP(): string {
    return this.#podIP;
  }

  get pod(): Pod {
    return this.#pod;
  }

  start(): void {
    // An address of an earlier life leads nowhere: nobody may take the pod for ready until it is.
    if (this.#pod.status?.podIP !== undefined) this.#status.now();
    void this.#run().catch((error: unknown) => {
      this.#options.machine.log.error('a pod failed', { pod: this.#pod.metadata.name, error });
      this.#refused = { reason: 'Failed', message: messageOf(error) };
      this.#status.now();
    });
  }

  /** The object has changed. */
  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#terminating = true;
      void this.end(this.#graceOf(pod), true).catch((error: unknown) =>
        this.#options.machine.log.error('a pod could not be ended', { pod: pod.metadata.name, error }),
      );
      return;
    }
    if (before.metadata.labels !== pod.metadata.labels || before.metadata.annotations !== pod.metadata.annotations)
      this.#volumes.refresh();
    // A readiness gate of somebody else's may have opened.
    if ((pod.spec?.readinessGates ?? []).length > 0) this.#status.now();
  }

  /** Something that volumes are made from has changed. */
  refreshVolumes(): void {
    this.#volumes.refresh();
  }

  imagesChanged(): void {
    for (const loop of [...this.#init, ...this.#loops]) loop.imagesChanged();
  }

  container(name: string | undefined): ContainerLoop | undefined {
    const all = [...this.#loops, ...this.#init];
    return name === undefined ? all[0] : all.find((loop) => loop.container.name === name);
  }

  /** Its containers that run now. */
  metered(): Metered {
    const containers = [...this.#loops, ...this.#init].flatMap(({ container: { name }, record, running }) =>
      running === undefined ? [] : [{ name, run: record.containerID ?? name, counters: () => running.counters() }],
    );
    return { uid: this.uid, containers };
  }

  realPort(port: number): number {
    return this.#portMap.get(port) ?? port;
  }

  /**
   * Ends all containers, the object too when it is being deleted.
   * @param grace milliseconds
   */
  end(grace: number, finalise: boolean): Promise<void> {
    this.#ending ??= this.#end(grace, finalise);
    return this.#ending;
  }

  /** The object is gone already: nothing is owed to it. */
  kill(): Promise<void> {
    for (const loop of [...this.#loops, ...this.#init]) loop.kill();
    return this.end(0, false);
  }

  async #run(): Promise<void> {
    await this.#prepare();
    const { machine } = this.#options;
    if (this.#init.length > 0) for (const loop of this.#loops) loop.waitFor('PodInitializing');
    for (const loop of this.#init) {
      if (this.#ending !== undefined) return;
      if (loop.record.state.kind === 'terminated' && loop.record.state.exitCode === 0) continue;
      const done = loop.run();
      const sidecar = sidecarNames(this.#pod).has(loop.container.name);
      // A sidecar runs beside what follows; its loop never rejects once it has started.
      if (!(await Promise.race([done, ...(sidecar ? [loop.started.then(() => true)] : [])]))) return;
    }
    if (this.#ending !== undefined) return;
    machine.metrics.startSeconds.observe((machine.clock.now() - this.#seen) / 1000);
    const policy = this.#pod.spec?.restartPolicy ?? 'Always';
    const runs = this.#loops
      .filter(({ record: { state } }) => {
        if (state.kind !== 'terminated') return true;
        return policy === 'Always' || (policy === 'OnFailure' && state.exitCode !== 0);
      })
      .map((loop) => loop.run());
    await Promise.all(runs);
    if (this.#ending === undefined)
      await Promise.all(this.#init.map((sidecar) => sidecar.terminate(this.#context.grace())));
    this.#status.now();
  }

  /** Volumes are made before the first container; what is missing may come yet. */
  async #prepare(): Promise<void> {
    while (this.#ending === undefined) {
      try {
        await this.#volumes.prepare();
        await this.#options.accounts?.made(this.#pod);
        return;
      } catch (error) {
        if (!(error instanceof NodeError)) throw error;
        this.#context.event('Warning', 'FailedMount', error.message);
        for (const loop of [...this.#init, ...this.#loops]) loop.waitFor('ContainerCreating', error.message);
        await new Promise<void>((resolve) => this.#options.machine.clock.after(VOLUME_RETRY, resolve));
      }
    }
  }

  async #end(grace: number, finalise: boolean): Promise<void> {
    const { machine, client, addresses } = this.#options;
    const loops = [...this.#loops, ...this.#init];
    if (!finalise) this.#status.stop();
    if (finalise && loops.some((loop) => loop.record.ready)) this.#status.now();
    await Promise.all(this.#loops.map((loop) => loop.terminate(grace)));
    await Promise.all(this.#init.map((loop) => loop.terminate(grace)));
    this.#stopListening();
    if (finalise) {
      const { namespace, name, uid, finalizers = [] } = this.#pod.metadata;
      // Whoever holds the object wants to know how it ended.
      if (finalizers.length > 0) await this.#status.flush();
      this.#status.stop();
      await client.delete(Pod, namespace, name, { gracePeriodSeconds: 0, uid });
    }
    this.#status.stop();
    this.#volumes.stop();
    addresses.release(this.#address);
    for (const port of this.#portMap.values()) machine.ports.release(port);
    if (finalise || grace === 0)
      await rm(this.#context.folder, { recursive: true, force: true }).catch((error: unknown) =>
        machine.log.warn('a folder was not removed', { folder: this.#context.folder, error }),
      );
  }

  #makeContext(folder: string): PodContext {
    const { machine, events, environment } = this.#options;
    const spec = this.#pod.spec;
    const hostname = spec?.hostname ?? this.#pod.metadata.name.slice(0, 63);
    return {
      machine,
      pod: () => this.#pod,
      uid: this.uid,
      folder,
      hostname,
      address: () => this.#podIP,
      setAddress: (address) => (this.#podIP = address),
      hosts: () => this.#options.names.textFor(this.#pod, this.#podIP, hostname),
      environment: () => environment(this.#pod, this.#podIP),
      outwardPorts: this.#options.outwardPorts,
      account: () => this.#options.accounts?.filesOf(this.#pod),
      mounts: (container) => this.#volumes.mountsOf(container),
      portMap: this.#portMap,
      portsChanged: () => this.#status.now(),
      changed: (when) => (when === 'now' ? this.#status.now() : this.#status.soon()),
      event: (type, reason, message) => events.record(this.#pod, type, reason, message),
      grace: () => this.#graceOf(this.#pod),
    };
  }

  #view(): PodView {
    return {
      init: this.#init.map((loop) => loop.record),
      containers: this.#loops.map((loop) => loop.record),
      podIP: this.#podIP,
      hostIP: this.#options.hostIP,
      startTime: this.#startTime,
      terminating: this.#terminating,
      refused: this.#refused,
    };
  }

  #annotations(): Record<string, string> {
    const entries = [...this.#portMap].filter(([declared, real]) => declared !== real);
    const { annotations = {}, labels = {} } = this.#pod.metadata;
    // An agent that took the pod over did not see its start; once written it stays, and no write is owed to it.
    const timeline = labels[REVISION_LABEL] === undefined ? undefined : this.#timeline();
    const told = annotations[POD_TIMELINE_ANNOTATION] ?? (timeline && JSON.stringify(timeline));
    return {
      ...(entries.length === 0 && annotations[PORT_MAP_ANNOTATION] === undefined
        ? {}
        : { [PORT_MAP_ANNOTATION]: JSON.stringify(Object.fromEntries(entries)) }),
      ...(told === undefined ? {} : { [POD_TIMELINE_ANNOTATION]: told }),
    };
  }

  /** Undefined until all containers have been ready. */
  #timeline(): PodTimeline | undefined {
    const times = this.#loops.flatMap(({ firstReady }) => firstReady ?? []);
    if (times.length === 0 || times.length < this.#loops.length) return undefined;
    return {
      started: Math.max(...times.map(({ started }) => started)),
      ready: Math.max(...times.map(({ ready }) => ready)),
    };
  }

  #renewHosts(): void {
    const text = this.#context.hosts();
    if (text === this.#hosts) return;
    this.#hosts = text;
    for (const loop of [...this.#loops, ...this.#init]) {
      try {
        loop.running?.setHosts(text);
      } catch (error) {
        const { name } = this.#pod.metadata;
        this.#options.machine.log.warn('a hosts file was not renewed', { pod: name, error });
      }
    }
  }

  #renewAccount(): void {
    const files = this.#context.account();
    if (files === undefined) return;
    for (const loop of [...this.#loops, ...this.#init]) {
      try {
        loop.running?.setAccount(files);
      } catch (error) {
        const { name } = this.#pod.metadata;
        this.#options.machine.log.warn('the token of a service account was not renewed', { pod: name, error });
      }
    }
  }

  #graceOf(pod: Pod): number {
    const seconds = pod.metadata.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE;
    return seconds * 1000;
  }
}

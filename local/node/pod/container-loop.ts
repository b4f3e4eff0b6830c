/** One container of a pod over its lives: start, watch, probe, end, wait, start again. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container } from '../../../api/core.ts';
import { NodeError } from '../errors.ts';
import type { Image } from '../image-store.ts';
import { LogFile, removeLog } from '../logs/log-file.ts';
import { tailText } from '../logs/log-reader.ts';
import { attemptProbe, type ProbeTarget } from '../probe/attempt.ts';
import { Prober } from '../probe/prober.ts';
import type { Probe } from '../probe/schedule.ts';
import type { Exit, RunningContainer } from '../runtime/runtime.ts';
import { waitingRecord, type ContainerRecord, type Termination } from './container-record.ts';
import { containerSpec, imageOf } from './container-spec.ts';
import type { PodContext } from './context.ts';
import { runHook } from './hooks.ts';
import { PortKeeper } from './port-keeper.ts';
import { FRESH, nextRestart, restarts, type BackOff } from './restart.ts';
import { messageOf } from '../../../kube/message.ts';

/** How often a container that cannot be started is tried again, ms. */
const SETUP_RETRY = 2_000;
/** Before a program is ended its connections are looked at this often, until there was none for a while; ms. */
const DRAIN_CHECK = 50;
const QUIET_TIME = 200;
/** Of its grace period a program has this much for itself after the last request, ms. */
const ENDING_TIME = 5_000;
const REVISION_LABEL = 'serving.knative.dev/revision';
const MESSAGE_LINES = 80;
const MESSAGE_BYTES = 2048;
/** Runs whose logs are kept, the present one included. */
const KEPT_RUNS = 2;

const CREATING = 'ContainerCreating';
/** What the kubelet says, and whoever looks at pods knows; the latter under the policy `Never`. */
const IMAGE_MISSING = ['ErrImagePull', 'ErrImageNeverPull'] as const;

export type Purpose = 'main' | 'init' | 'sidecar';

export class ContainerLoop {
  readonly container: Container;
  readonly #context: PodContext;
  readonly #purpose: Purpose;
  readonly #ports: PortKeeper;
  #record: ContainerRecord;
  #running: RunningContainer | undefined;
  #log: LogFile | undefined;
  #prober: Prober | undefined;
  #backOff: BackOff = FRESH;
  #run: number;
  #ending = false;
  #wasReady = false;
  #firstReady: { readonly started: number; readonly ready: number } | undefined;
  #wake: (() => void) | undefined;
  #onStarted: (() => void) | undefined;
  /** Resolves once a sidecar has started. */
  readonly started: Promise<void>;

  constructor(container: Container, purpose: Purpose, context: PodContext, before?: ContainerRecord) {
    this.container = container;
    this.#context = context;
    this.#purpose = purpose;
    this.#ports = new PortKeeper(container, context);
    this.#record = before ?? waitingRecord(container.name, container.image ?? '', CREATING);
    this.#run = this.#record.restartCount;
    this.started = new Promise((resolve) => (this.#onStarted = resolve));
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** When the program that was ready first was started, and ready; ms since the epoch. */
  get firstReady(): { readonly started: number; readonly ready: number } | undefined {
    return this.#firstReady;
  }

  get running(): RunningContainer | undefined {
    return this.#running;
  }

  /** The log of the present or last run, or of the one before. */
  log(previous: boolean): { path: string; live: LogFile | undefined } | undefined {
    const run = this.#run - (previous ? 1 : 0);
    // An ended container's log outlives the agent that wrote it.
    const hasRun = this.#log !== undefined || this.#record.state.kind === 'terminated';
    if (run < 0 || (!hasRun && !previous)) return undefined;
    return { path: this.#logPath(run), live: previous ? undefined : this.#log };
  }

  /** Images have been built: what waits for one looks again. */
  imagesChanged(): void {
    const { state } = this.#record;
    if (state.kind === 'waiting' && IMAGE_MISSING.some((reason) => reason === state.reason)) this.#wake?.();
  }

  /** Says why it has not begun. */
  waitFor(reason: string, message?: string): void {
    this.#set({ ...this.#record, state: { kind: 'waiting', reason, message } }, 'soon');
  }

  /** Resolves when the container is not to run again: true when it ended well. */
  async run(): Promise<boolean> {
    const policy = this.#purpose === 'sidecar' ? 'Always' : this.#policy();
    this.#set({ ...this.#record, state: { kind: 'waiting', reason: CREATING } }, 'soon');
    for (;;) {
      const started = await this.#start();
      if (started === undefined) return false;
      const end = await this.#live(started);
      if (!this.#ending && end.exitCode !== 0 && this.#ports.collided(this.#wasReady && this.#isProbed())) {
        // No fault of its own: it is started again at once, and not as a restart.
        this.#run++;
        continue;
      }
      const again = !this.#ending && restarts(policy, end.exitCode);
      this.#set({ ...this.#record, state: { kind: 'terminated', ...end }, started: false, ready: false }, 'now');
      if (!again) return end.exitCode === 0;
      const [delay, after] = nextRestart(this.#backOff, end.finishedAt - (end.startedAt ?? end.finishedAt));
      this.#backOff = after;
      if (delay > 0) {
        const message = `back-off ${formatDelay(delay)} restarting failed container=${this.container.name} pod=${this.#podName()}`;
        const state = { kind: 'waiting', reason: 'CrashLoopBackOff', message } as const;
        this.#set({ ...this.#record, state, last: end }, 'now');
        this.#context.event('Warning', 'BackOff', message);
        await this.#sleep(delay);
        if (this.#ending) {
          this.#set({ ...this.#record, state: { kind: 'terminated', ...end } }, 'now');
          return end.exitCode === 0;
        }
      }
      this.#run++;
      this.#set({ ...this.#record, last: end, restartCount: this.#record.restartCount + 1 }, 'soon');
    }
  }

  /** Ends it in good order within `grace` ms, then by force; resolves when it is gone. */
  async terminate(grace: number): Promise<void> {
    this.#ending = true;
    this.#wake?.();
    await this.#stopRunning(grace);
  }

  kill(): void {
    this.#ending = true;
    this.#wake?.();
    this.#running?.kill();
  }

  async #start(): Promise<{ running: RunningContainer; at: number } | undefined> {
    while (!this.#ending) {
      try {
        const image = imageOf(this.container, this.#context);
        const ownNetwork = this.#ports.needsNetwork(image);
        const spec = await containerSpec(this.container, image, this.#context, this.#run, ownNetwork);
        if (this.#ending) return undefined;
        const running = await this.#context.machine.runtime.start(spec);
        try {
          const at = this.#begin(running, image);
          // Names, or a token, that came up while it was being started.
          const hosts = this.#context.hosts();
          if (hosts !== spec.hosts) running.setHosts(hosts);
          const account = this.#context.account();
          if (account !== undefined && account.version !== spec.account?.version) running.setAccount(account);
          return { running, at };
        } catch (error) {
          running.kill();
          throw error;
        }
      } catch (error) {
        this.#failStart(error);
        await this.#sleep(SETUP_RETRY);
      }
    }
    return undefined;
  }

  #begin(running: RunningContainer, image: Image): number {
    const { machine, uid } = this.#context;
    const at = machine.clock.now();
    removeLog(this.#logPath(this.#run - KEPT_RUNS));
    const log = new LogFile(this.#logPath(this.#run), () => machine.clock.now());
    this.#running = running;
    machine.metrics.starts.inc();
    machine.metrics.running.inc();
    log.on('failed', (error) => machine.log.error('a log cannot be written', { pod: this.#podName(), error }));
    log.consume('stdout', running.stdout);
    log.consume('stderr', running.stderr);
    this.#log = log;
    this.#wasReady = false;
    const imageID = image.digest === undefined ? '' : machine.images.digestOf(image.reference);
    this.#set(
      {
        ...this.#record,
        imageID,
        containerID: `zeroth://${uid}/${this.container.name}/${this.#run}`,
        state: { kind: 'running', startedAt: at },
        started: false,
        ready: false,
      },
      'soon',
    );
    return at;
  }

  /** From started to ended. */
  async #live({ running, at }: { running: RunningContainer; at: number }): Promise<Termination> {
    const { machine } = this.#context;
    const postStart = this.container.lifecycle?.postStart;
    if (postStart !== undefined) {
      const failure = await runHook(postStart, running, this.#target(running), this.#context.grace());
      if (failure !== undefined) {
        this.#context.event('Warning', 'FailedPostStartHook', failure);
        running.kill();
      }
    }
    if (this.#purpose !== 'init' && !this.#ending) this.#probe(running, at);
    const exit = await running.exited;
    this.#prober?.stop();
    this.#prober = undefined;
    this.#running = undefined;
    this.#log?.end();
    machine.metrics.running.dec();
    const end = this.#termination(exit, at, machine.clock.now());
    machine.metrics.exits.inc({ reason: end.reason });
    void rm(join(this.#context.folder, this.container.name, String(this.#run)), { recursive: true, force: true }).catch(
      (error: unknown) => machine.log.warn('a folder was not removed', { pod: this.#podName(), error }),
    );
    return end;
  }

  #probe(running: RunningContainer, at: number): void {
    const { machine } = this.#context;
    const { startupProbe, readinessProbe, livenessProbe } = this.container;
    const probes = { startup: startupProbe, readiness: readinessProbe, liveness: livenessProbe };
    this.#prober = new Prober(
      probes,
      async (probe) => {
        const result = await attemptProbe(probe, this.#target(running));
        const name = probe === startupProbe ? 'Startup' : probe === readinessProbe ? 'Readiness' : 'Liveness';
        machine.metrics.probes.inc({ probe_type: name, result: result.success ? 'successful' : 'failed' });
        return result;
      },
      {
        onStarted: () => {
          this.#onStarted?.();
          this.#set({ ...this.#record, started: true }, 'soon');
        },
        onReady: (ready) => {
          if (ready && !this.#wasReady) machine.metrics.readySeconds.observe((machine.clock.now() - at) / 1000);
          this.#wasReady ||= ready;
          if (ready) this.#firstReady ??= { started: at, ready: machine.clock.now() };
          this.#set({ ...this.#record, ready }, 'now');
        },
        onUnhealthy: (kind, message, probe) => {
          this.#context.event('Warning', 'Unhealthy', `${capital(kind)} probe failed: ${message}`);
          this.#context.event(
            'Normal',
            'Killing',
            `Container ${this.container.name} failed ${kind} probe, will be restarted`,
          );
          void this.#stopRunning(graceOf(probe) ?? this.#context.grace()).catch((error: unknown) =>
            machine.log.error('a container could not be ended', { pod: this.#podName(), error }),
          );
        },
        onFailure: (kind, message) =>
          this.#context.event('Warning', 'Unhealthy', `${capital(kind)} probe failed: ${message}`),
        onSilence: (elapsed) => this.#ports.onSilence(running, elapsed),
      },
      machine.clock,
    );
    this.#prober.start();
    if (!this.#isProbed()) this.#ports.findSoon(running, () => this.#running === running);
  }

  /** Ready means that it has answered. */
  #isProbed(): boolean {
    return this.container.readinessProbe !== undefined || this.container.startupProbe !== undefined;
  }

  #target(running: RunningContainer): ProbeTarget {
    return {
      host: this.#context.address(),
      port: (declared) => this.#ports.realPort(declared),
      listens: this.#ports.listensIn(running),
      container: running,
    };
  }

  async #stopRunning(grace: number): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#prober?.stop();
    const { clock } = this.#context.machine;
    const deadline = clock.now() + grace;
    const left = (): number => Math.max(0, deadline - clock.now());
    const preStop = this.container.lifecycle?.preStop;
    if (preStop !== undefined && left() > 0) {
      const failure = await runHook(preStop, running, this.#target(running), left());
      if (failure !== undefined) this.#context.event('Warning', 'FailedPreStopHook', failure);
    }
    await this.#drain(running, () => left() - Math.min(ENDING_TIME, grace / 4));
    if (this.#running !== running) return;
    const cancel = clock.after(left(), () => running.kill());
    running.terminate();
    await running.exited;
    cancel();
  }

  /**
   * Lets the requests of a Knative pod be answered before its program hears of the end, as Knative's contract says.
   * Whoever sends requests has to hear of the end first, hence the quiet time.
   * @param left milliseconds there are
   */
  async #drain(running: RunningContainer, left: () => number): Promise<void> {
    if (this.#context.pod().metadata.labels?.[REVISION_LABEL] === undefined) return;
    let quiet = 0;
    while (this.#running === running && left() > 0 && quiet < QUIET_TIME && running.listeners().length > 0) {
      const busy = running.connections() > 0;
      await this.#pause(Math.min(DRAIN_CHECK, left()));
      quiet = busy ? 0 : quiet + DRAIN_CHECK;
    }
  }

  #termination(exit: Exit, startedAt: number, finishedAt: number): Termination {
    const reason =
      exit.startError !== undefined
        ? 'StartError'
        : exit.oomKilled === true
          ? 'OOMKilled'
          : exit.code === 0
            ? 'Completed'
            : 'Error';
    return {
      exitCode: exit.code,
      signal: exit.signal,
      reason,
      message: exit.startError ?? this.#terminationMessage(exit),
      startedAt,
      finishedAt,
      containerID: this.#record.containerID,
    };
  }

  #terminationMessage(exit: Exit): string | undefined {
    if (exit.lastWords !== undefined) return exit.lastWords;
    if (this.container.terminationMessagePolicy !== 'FallbackToLogsOnError' || exit.code === 0) return undefined;
    return tailText(this.#logPath(this.#run), MESSAGE_LINES, MESSAGE_BYTES);
  }

  #failStart(error: unknown): void {
    const known = error instanceof NodeError ? error : undefined;
    const reason =
      known?.code === 'ImageNotFound' || known?.code === 'InvalidReference'
        ? IMAGE_MISSING[this.container.imagePullPolicy === 'Never' ? 1 : 0]
        : (known?.code ?? 'CreateContainerError');
    const message = messageOf(error);
    if (known === undefined)
      this.#context.machine.log.error('a container could not be started', { pod: this.#podName(), error });
    const { state } = this.#record;
    if (state.kind === 'waiting' && state.reason === reason && state.message === message) return;
    this.#context.event('Warning', 'Failed', `Error: ${message}`);
    this.#set({ ...this.#record, state: { kind: 'waiting', reason, message } }, 'now');
  }

  #set(record: ContainerRecord, when: 'now' | 'soon'): void {
    this.#record = record;
    this.#context.changed(when);
  }

  #policy(): string | undefined {
    const policy = this.#context.pod().spec?.restartPolicy;
    return this.#purpose === 'init' && policy === 'Always' ? 'OnFailure' : policy;
  }

  #podName(): string {
    const { name, namespace = '' } = this.#context.pod().metadata;
    return `${name}_${namespace}(${this.#context.uid})`;
  }

  #logPath(run: number): string {
    return join(this.#context.folder, this.container.name, `${run}.log`);
  }

  #sleep(delay: number): Promise<void> {
    if (this.#ending) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#wake = undefined;
        resolve();
      };
      const cancel = this.#context.machine.clock.after(delay, done);
      this.#wake = done;
    });
  }

  #pause(delay: number): Promise<void> {
    return new Promise((resolve) => this.#context.machine.clock.after(delay, resolve));
  }
}

function graceOf(probe: Probe): number | undefined {
  return probe.terminationGracePeriodSeconds === undefined ? undefined : probe.terminationGracePeriodSeconds * 1000;
}

function formatDelay(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/**
 * The stream of load to the autoscaler: a wake at once when an idle revision gets its first request, a report of all
 * busy revisions every second. While the stream is down requests wait all the same; what they need is told again as
 * soon as it is back. Message format: api/load-report.ts.
 */
import { WebSocket, type RawData } from 'ws';
import {
  LOAD_REPORT_PATH,
  MAX_BUSY_PODS,
  type ActivatorMessage,
  type AutoscalerMessage,
  type BusyPod,
  type RevisionLoad,
} from '../../api/load-report.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../kube/log.ts';
import type { LoadMeter } from './load.ts';

/** A revision as the reporter sees it. */
export interface Reported {
  readonly namespace: string;
  readonly name: string;
  readonly meter: LoadMeter;
  /** Requests wait and no pod is ready. */
  readonly starving: boolean;
  /** Pods with requests in flight, in no order. */
  busyPods(): readonly BusyPod[];
}

export interface ReporterOptions {
  /** `ws://HOST:PORT` of the autoscaler; undefined: nobody to tell. */
  readonly url: string | undefined;
  readonly activator: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const INTERVAL_MS = 1000;
const RECONNECT_FIRST_MS = 20;
const RECONNECT_LONGEST_MS = 2000;
/** Unsent bytes beyond which reports are left out: the autoscaler does not read. */
const MAX_BUFFERED = 1 << 20;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #busy = new Map<string, Reported>();
  #socket: WebSocket | undefined;
  #failures = 0;
  #errors = 0;
  #cancelTick: (() => void) | undefined;
  #cancelReconnect: (() => void) | undefined;
  #closed = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Connections that failed or broke. */
  get errors(): number {
    return this.#errors;
  }

  start(): void {
    this.#tick();
    this.#connect();
  }

  /**
   * A request came for this revision.
   * @param key `NAMESPACE/NAME`
   * @returns true when it was idle until now: the autoscaler is told at once
   */
  arrived(key: string, revision: Reported): boolean {
    if (this.#busy.get(key) === revision) return false;
    this.#busy.set(key, revision);
    this.wake(revision);
    return true;
  }

  /** Tells at once that a revision needs pods. */
  wake(revision: Reported): void {
    const { namespace, name, meter } = revision;
    const { activator, clock } = this.#options;
    if (this.#send({ type: 'wake', activator, at: clock.now(), namespace, name })) meter.told();
  }

  /** Tells of a cold start that just ended. @param since ms, when the first request began to wait */
  coldStarted({ namespace, name }: Reported, since: number): void {
    const { activator, clock } = this.#options;
    this.#send({ type: 'coldStart', activator, at: clock.now(), since, namespace, name });
  }

  /** Sends the interval's report now. */
  report(): void {
    const { activator, clock } = this.#options;
    const at = clock.now();
    const revisions: RevisionLoad[] = [];
    for (const [key, { namespace, name, meter }] of this.#busy) {
      const idle = meter.present === 0;
      const { concurrency, rps } = meter.take(at);
      revisions.push({ namespace, name, concurrency, rps });
      if (idle && concurrency === 0 && rps === 0) this.#busy.delete(key);
    }
    if (revisions.length > 0) this.#send({ type: 'report', activator, at, revisions });
  }

  /** Tells at once which pods of a revision have requests. */
  #answer({ id, namespace, name }: AutoscalerMessage): void {
    const { activator, clock } = this.#options;
    const busy = this.#busy.get(`${namespace}/${name}`)?.busyPods() ?? [];
    const pods = [...busy].sort((a, b) => b.inFlight - a.inFlight).slice(0, MAX_BUSY_PODS);
    this.#send({ type: 'busyPods', activator, at: clock.now(), id, pods });
  }

  close(): void {
    this.#closed = true;
    this.#cancelTick?.();
    this.#cancelReconnect?.();
    this.#socket?.close(1000);
  }

  #tick(): void {
    this.#cancelTick = this.#options.clock.after(INTERVAL_MS, () => {
      this.report();
      this.#tick();
    });
  }

  #send(message: ActivatorMessage): boolean {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > MAX_BUFFERED) return false;
    socket.send(JSON.stringify(message));
    return true;
  }

  #connect(): void {
    const { url, log } = this.#options;
    if (url === undefined || this.#closed) return;
    const base = url.endsWith('/') ? url.slice(0, -1) : url;
    const socket = new WebSocket(base.endsWith(LOAD_REPORT_PATH) ? base : base + LOAD_REPORT_PATH, {
      perMessageDeflate: false,
      handshakeTimeout: 5000,
      maxPayload: 1 << 16,
    });
    this.#socket = socket;
    socket.on('open', () => {
      this.#failures = 0;
      log.debug('reporting to the autoscaler', { url });
      for (const revision of this.#busy.values()) if (revision.starving) this.wake(revision);
    });
    socket.on('message', (data) => {
      const question = questionOf(data);
      if (question !== undefined) this.#answer(question);
      else log.debug('the autoscaler said something unknown', { url });
    });
    // Followed by `close`, which tries again.
    socket.on('error', (error) => log.debug('autoscaler not reached', { url, error }));
    socket.on('close', () => this.#reconnect());
  }

  #reconnect(): void {
    if (this.#closed) return;
    this.#errors++;
    const delay = Math.min(RECONNECT_LONGEST_MS, RECONNECT_FIRST_MS * 2 ** Math.min(this.#failures++, 10));
    if (this.#failures === 5)
      this.#options.log.warn('autoscaler not reached, trying again', { url: this.#options.url });
    this.#cancelReconnect = this.#options.clock.after(delay, () => this.#connect());
  }
}

/** Undefined for what another version may ask. */
function questionOf(data: RawData): AutoscalerMessage | undefined {
  if (!Buffer.isBuffer(data)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, id, namespace, name } = value as Partial<Record<keyof AutoscalerMessage, unknown>>;
  return type === 'whichPodsAreBusy' &&
    typeof id === 'number' &&
    typeof namespace === 'string' &&
    typeof name === 'string'
    ? { type, id, namespace, name }
    : undefined;
}

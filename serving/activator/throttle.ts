/**
 * One revision's queue and slots. A pod never has more than `containerConcurrency` requests, waiting requests leave in
 * the order they came, and nothing here looks at a clock except to try an address again that refused a connection.
 * Source: reference section 3.5 (policies), ARCHITECTURE.md "Revision ⇄ autoscaler ⇄ activator".
 */
import type { BusyPod } from '../../api/load-report.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Address } from './backends.ts';
import { QueueFull, type GatewayError } from './errors.ts';
import { Fifo, type FifoNode } from './fifo.ts';

/** Queue places shared by all revisions of a process. */
export interface QueueBudget {
  readonly limit: number;
  used: number;
}

export interface ThrottleOptions {
  readonly clock: Clock;
  /** Requests that may wait for this revision. */
  readonly queueLimit: number;
  readonly budget: QueueBudget;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** A request begins to wait while no pod is ready. */
  onDemand?(): void;
}

/** One slot of one pod, held until released. */
export interface Lease {
  readonly address: Address;
  /** Gives the slot back; calling it again does nothing. */
  release(): void;
  /** Gives the slot back and leaves the pod alone for a moment: it did not accept a connection. */
  refused(): void;
}

export interface Admission {
  /** Leaves the queue; does nothing once a lease was granted. */
  cancel(): void;
}

interface PodSlots {
  readonly address: Address;
  inFlight: number;
  /** False once the pod is no longer ready: it keeps what it has and gets nothing new. */
  listed: boolean;
  refusals: number;
  avoidUntil: number;
}

/** Somebody who asks for a slot: exactly one of these is called, unless the admission is cancelled before. */
export interface Applicant {
  granted(lease: Lease): void;
  /** The revision is gone. */
  rejected(error: GatewayError): void;
}

const FIRST_FREE_UP_TO = 3;
const RETRY_FIRST_MS = 20;
const RETRY_LONGEST_MS = 1000;
const IDLE: Admission = { cancel: () => undefined };

export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #waiting = new Fifo<Applicant>();
  readonly #pods = new Map<string, PodSlots>();
  #listed: PodSlots[] = [];
  #limit = 0;
  #turn = 0;
  #inFlight = 0;
  #closed: GatewayError | undefined;
  #retry: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  get queued(): number {
    return this.#waiting.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get readyPods(): number {
    return this.#listed.length;
  }

  /** Pods with requests, those that are no longer ready among them; in no order. */
  busyPods(): BusyPod[] {
    const busy: BusyPod[] = [];
    for (const { address, inFlight } of this.#pods.values())
      if (inFlight > 0) busy.push({ host: address.host, inFlight });
    return busy;
  }

  /** @param containerConcurrency requests at a time and pod; 0 = no limit */
  setConcurrency(containerConcurrency: number): void {
    this.#limit = containerConcurrency;
    this.#pump();
  }

  /** The ready pods, all of them. Those that vanish keep the requests they have. */
  setPods(addresses: readonly Address[]): void {
    const listed = new Set<string>();
    for (const address of addresses) {
      const key = `${address.host}:${address.port}`;
      listed.add(key);
      const known = this.#pods.get(key);
      if (known === undefined) this.#pods.set(key, { address, inFlight: 0, listed: true, refusals: 0, avoidUntil: 0 });
      else if (!known.listed) Object.assign(known, { listed: true, refusals: 0, avoidUntil: 0 });
    }
    for (const [key, pod] of this.#pods) {
      if (listed.has(key)) continue;
      pod.listed = false;
      if (pod.inFlight === 0) this.#pods.delete(key);
    }
    this.#listed = [...this.#pods.values()].filter((pod) => pod.listed);
    this.#pump();
  }

  /**
   * Asks for a slot: granted at once when one is free and nobody waits, else when its turn comes.
   * @param options.first ahead of those who wait: for a request that had its turn and found the pod closed
   * @throws QueueFull when this revision's or the process's queue has no place left; what `close` was given after it
   */
  admit(applicant: Applicant, options: { readonly first?: boolean } = {}): Admission {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#waiting.size === 0 || options.first === true) {
      const pod = this.#choose();
      if (pod !== undefined) {
        applicant.granted(this.#lease(pod));
        return IDLE;
      }
    }
    const { budget, queueLimit } = this.#options;
    if (options.first !== true && (this.#waiting.size >= queueLimit || budget.used >= budget.limit))
      throw new QueueFull();
    budget.used++;
    const place = options.first === true ? this.#waiting.unshift(applicant) : this.#waiting.push(applicant);
    if (this.#listed.length === 0) this.#options.onDemand?.();
    else this.#scheduleRetry();
    return { cancel: () => this.#leave(place) };
  }

  /** The revision is gone: nobody waits any longer. Requests that hold a lease keep it. */
  close(error: GatewayError): void {
    this.#closed = error;
    this.#retry?.cancel();
    this.#retry = undefined;
    for (let applicant = this.#waiting.shift(); applicant !== undefined; applicant = this.#waiting.shift()) {
      this.#options.budget.used--;
      applicant.rejected(error);
    }
  }

  #leave(place: FifoNode<Applicant>): void {
    if (this.#waiting.remove(place)) this.#options.budget.used--;
  }

  #pump(): void {
    while (this.#waiting.size > 0) {
      const pod = this.#choose();
      if (pod === undefined) return this.#scheduleRetry();
      const applicant = this.#waiting.shift();
      if (applicant === undefined) return;
      this.#options.budget.used--;
      applicant.granted(this.#lease(pod));
    }
  }

  #lease(pod: PodSlots): Lease {
    pod.inFlight++;
    this.#inFlight++;
    let held = true;
    const giveBack = (refused: boolean): void => {
      if (!held) return;
      held = false;
      pod.inFlight--;
      this.#inFlight--;
      if (refused) {
        pod.avoidUntil =
          this.#options.clock.now() + Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(pod.refusals++, 10));
      } else pod.refusals = pod.avoidUntil = 0;
      if (!pod.listed && pod.inFlight === 0) this.#pods.delete(`${pod.address.host}:${pod.address.port}`);
      if (!refused) this.#pump();
    };
    return { address: pod.address, release: () => giveBack(false), refused: () => giveBack(true) };
  }

  #choose(): PodSlots | undefined {
    if (this.#listed.length === 0) return undefined;
    if (this.#limit === 0) return this.#lessLoadedOfTwo();
    if (this.#limit <= FIRST_FREE_UP_TO) return this.#listed.find((pod) => this.#isFree(pod));
    for (let i = 0; i < this.#listed.length; i++) {
      const at = (this.#turn + i) % this.#listed.length;
      const pod = this.#listed[at];
      if (pod === undefined || !this.#isFree(pod)) continue;
      this.#turn = at + 1;
      return pod;
    }
    return undefined;
  }

  #lessLoadedOfTwo(): PodSlots | undefined {
    const { random = Math.random } = this.#options;
    const count = this.#listed.length;
    const first = this.#listed[Math.floor(random() * count)];
    if (count === 1) return first !== undefined && this.#isFree(first) ? first : undefined;
    const second = this.#listed[Math.floor(random() * count)];
    if (first === undefined || second === undefined || !this.#isFree(first) || !this.#isFree(second))
      return this.#leastLoadedFree();
    return second.inFlight < first.inFlight ? second : first;
  }

  #leastLoadedFree(): PodSlots | undefined {
    let best: PodSlots | undefined;
    for (const pod of this.#listed)
      if (this.#isFree(pod) && (best === undefined || pod.inFlight < best.inFlight)) best = pod;
    return best;
  }

  #isFree(pod: PodSlots): boolean {
    if (this.#limit > 0 && pod.inFlight >= this.#limit) return false;
    if (pod.avoidUntil === 0) return true;
    const left = pod.avoidUntil - this.#options.clock.now();
    // More than was ever asked for: the clock was set back.
    return left <= 0 || left > RETRY_LONGEST_MS;
  }

  /** Tries again when the first of the pods that refused a connection may be asked again. */
  #scheduleRetry(): void {
    if (this.#waiting.size === 0) return;
    const now = this.#options.clock.now();
    let at = Infinity;
    for (const pod of this.#listed)
      if (pod.avoidUntil > now && (this.#limit === 0 || pod.inFlight < this.#limit)) at = Math.min(at, pod.avoidUntil);
    if (at === Infinity || (this.#retry !== undefined && this.#retry.at <= at)) return;
    this.#retry?.cancel();
    const cancel = this.#options.clock.after(at - now, () => {
      this.#retry = undefined;
      this.#pump();
    });
    this.#retry = { at, cancel };
  }
}

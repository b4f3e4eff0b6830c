/**
 * The delivery loop of one Trigger: reads the log from its cursor, filters, delivers several events at a time, and keeps
 * count of those that wait for another attempt by offset only, so that a slow subscriber costs no memory. At least once.
 */
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../kube/log.ts';
import { decideRetry, type DeliveryPolicy } from '../trigger/delivery.ts';
import type { EventFilter } from '../trigger/filters.ts';
import { unstampEvent } from './accept.ts';
import { attemptDeadLetter, attemptDelivery, type AttemptOptions, type Failure } from './attempt.ts';
import { isCode } from './errors.ts';
import { decodeEvent, type BrokerEvent } from './event/event.ts';
import type { Cursor, CursorState, EventLog, LogRecord } from './log/log.ts';
import type { BrokerMetrics, TriggerLabels } from './metrics.ts';
import type { Sender, SendTarget } from './send.ts';
import { messageOf } from '../../kube/message.ts';

/** Where a Trigger's events go and how; from its spec and status. */
export interface Delivery {
  readonly filter: EventFilter;
  readonly policy: DeliveryPolicy;
  readonly subscriber: SendTarget;
  readonly deadLetter: SendTarget | undefined;
  readonly replyUrl: string;
}

export interface DispatchLimits {
  /** Deliveries under way at a time. */
  readonly concurrency: number;
  /** Bytes of events under way at a time; one event always may. */
  readonly bytes: number;
  /** Events that wait for another attempt; beyond it nothing new is read. */
  readonly waiting: number;
  /** Milliseconds between two writes of the cursor. */
  readonly saveEvery: number;
}

export const DISPATCH_LIMITS: DispatchLimits = {
  concurrency: 64,
  bytes: 8 * 1024 * 1024,
  waiting: 1_024,
  saveEvery: 100,
};

export interface DispatcherOptions {
  readonly labels: TriggerLabels;
  readonly log: EventLog;
  readonly cursor: Cursor;
  readonly sender: Sender;
  readonly reply: (event: BrokerEvent) => Promise<void>;
  readonly metrics: Pick<BrokerMetrics, 'attempted' | 'settled'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<DispatchLimits>;
}

/** How a Trigger's deliveries go, for those who ask why. */
export interface DispatchStatus {
  /** Events accepted that are not settled. */
  readonly owed: number;
  /** Those of them that failed and wait for another attempt. */
  readonly retrying: number;
  /** When an event was last delivered, ms since the epoch. */
  readonly deliveredAt?: number;
  /** The last attempt that failed, if none was made to succeed since. */
  readonly failure?: LastFailure;
}

export interface LastFailure {
  /** ms since the epoch. */
  readonly at: number;
  readonly destination: string;
  /** HTTP status; absent when no response came. */
  readonly status?: number;
  /** The beginning of what was answered, or why nothing was. */
  readonly message: string;
  /** What became of the event. */
  readonly outcome: 'retried' | 'dead-lettered' | 'dropped';
}

/** An event looked at and not settled. Its bytes stay in the log. */
interface Entry {
  readonly offset: number;
  failures: number;
  due: number;
  running: boolean;
  /** Set once the subscriber is given up: failures count anew, towards the dead letter sink. */
  deadLetter: Failure | undefined;
}

const READ_BYTES = 64 * 1024;
const STALLED_FOR = 30_000;
/** Characters kept of what a subscriber said last. */
const MESSAGE_LENGTH = 300;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #limits: DispatchLimits;
  readonly #entries = new Map<number, Entry>();
  readonly #idle: (() => void)[] = [];
  readonly #unsubscribe: () => void;
  #delivery: Delivery | undefined;
  #next: number;
  #running = 0;
  #runningBytes = 0;
  #pumping = false;
  #pumpAgain = false;
  #stopped = false;
  #stalledUntil = 0;
  #wake: (() => void) | undefined;
  #saveTimer: (() => void) | undefined;
  #saved: number | undefined;
  #deliveredAt: number | undefined;
  #failure: LastFailure | undefined;
  #changes = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#limits = { ...DISPATCH_LIMITS, ...options.limits };
    const { next, pending } = options.cursor.state;
    this.#next = next;
    for (const { offset, failures, due } of pending)
      this.#entries.set(offset, { offset, failures, due, running: false, deadLetter: undefined });
    this.#unsubscribe = options.log.onAppend(() => this.#pump());
  }

  /** Events accepted that are not settled; those not looked at yet count whether they match or not. */
  get owed(): number {
    return this.#options.log.end - this.#next + this.#entries.size;
  }

  get labels(): TriggerLabels {
    return this.#options.labels;
  }

  get status(): DispatchStatus {
    return {
      owed: this.owed,
      retrying: [...this.#entries.values()].filter((entry) => entry.failures > 0).length,
      ...(this.#deliveredAt === undefined ? {} : { deliveredAt: this.#deliveredAt }),
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    };
  }

  /** Changes where events go; undefined pauses: nothing is sent, nothing is lost. */
  update(delivery: Delivery | undefined): void {
    this.#delivery = delivery;
    this.#pump();
  }

  /**
   * Ends the loop, waits for the deliveries under way, then writes the cursor.
   * @param grace milliseconds to wait; deliveries that take longer stay owed
   */
  async stop(grace: number): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#wake?.();
    if (this.#running > 0 || this.#pumping) {
      await new Promise<void>((resolve) => {
        const late = this.#options.clock.after(grace, resolve);
        this.#idle.push(() => {
          late();
          resolve();
        });
      });
    }
    this.#saveTimer?.();
    await this.#save();
  }

  #pump(): void {
    if (this.#pumping) {
      this.#pumpAgain = true;
      return;
    }
    this.#pumping = true;
    void this.#fillAll().finally(() => {
      this.#pumping = false;
      this.#settle();
    });
  }

  async #fillAll(): Promise<void> {
    if (this.#stalledUntil > this.#options.clock.now()) return this.#armWake();
    do {
      this.#pumpAgain = false;
      try {
        await this.#startDue();
        await this.#startNew();
      } catch (error) {
        this.#stall(error);
        return;
      }
    } while (this.#pumpAgain);
    this.#armWake();
  }

  /** Starts the events whose next attempt is due, oldest first. */
  async #startDue(): Promise<void> {
    if (this.#entries.size === this.#running) return;
    const now = this.#options.clock.now();
    const due = [...this.#entries.values()].filter((entry) => !entry.running && entry.due <= now);
    if (due.length === 0) return;
    due.sort((a, b) => a.due - b.due || a.offset - b.offset);
    for (const entry of due) {
      if (!this.#hasSlot()) return;
      const [record] = await this.#options.log.read(entry.offset, { records: 1, bytes: 1 });
      if (record === undefined || record.offset !== entry.offset) {
        // No longer held: the log was cut back to before it, so it had never been acknowledged.
        this.#entries.delete(entry.offset);
        continue;
      }
      if (!this.#hasSlot()) return;
      this.#start(entry, record);
    }
  }

  async #startNew(): Promise<void> {
    const { log } = this.#options;
    while (this.#next < log.end && this.#mayRead()) {
      const records = await log.read(this.#next, {
        records: this.#limits.concurrency - this.#running,
        bytes: READ_BYTES,
      });
      if (records.length === 0) return;
      for (const record of records) {
        if (!this.#hasSlot()) return;
        this.#next = record.offset + 1;
        this.#changed();
        const entry = { offset: record.offset, failures: 0, due: 0, running: false, deadLetter: undefined };
        this.#start(entry, record);
      }
    }
  }

  /** Reads of a few records at a time would be dear: new ones wait until a quarter of the slots is free. */
  #mayRead(): boolean {
    return (
      this.#hasSlot() && this.#entries.size < this.#limits.waiting && this.#running <= this.#limits.concurrency * 0.75
    );
  }

  #hasSlot(): boolean {
    if (this.#stopped || this.#delivery === undefined || this.#running >= this.#limits.concurrency) return false;
    return this.#running === 0 || this.#runningBytes < this.#limits.bytes;
  }

  #start(entry: Entry, record: LogRecord): void {
    const delivery = this.#delivery;
    if (delivery === undefined) return;
    const { event, ttl } = unstampEvent(decode(record.payload));
    if (!delivery.filter(event.attributes)) {
      this.#entries.delete(entry.offset);
      this.#changed();
      return;
    }
    entry.running = true;
    this.#entries.set(entry.offset, entry);
    this.#running++;
    this.#runningBytes += record.payload.length;
    this.#attempt(entry, event, ttl, delivery)
      .catch((error: unknown) => {
        // Never expected; the event stays owed.
        this.#options.logger.error('delivery failed by a fault of the broker', { offset: entry.offset, error });
        entry.due = this.#options.clock.now() + STALLED_FOR;
      })
      .finally(() => {
        entry.running = false;
        this.#running--;
        this.#runningBytes -= record.payload.length;
        this.#changed();
        this.#settle();
        this.#pump();
      });
  }

  async #attempt(entry: Entry, event: BrokerEvent, ttl: number, delivery: Delivery): Promise<void> {
    if (entry.deadLetter === undefined) {
      const failure = await attemptDelivery(event, ttl, this.#attemptOptions(delivery.subscriber, delivery));
      if (failure === undefined) return this.#settled(entry, 'delivered');
      const retried = this.#retries(entry, failure, delivery);
      const givenUp = delivery.deadLetter === undefined ? 'dropped' : 'dead-lettered';
      this.#noteFailure(failure, retried ? 'retried' : givenUp);
      if (retried) return;
      if (delivery.deadLetter === undefined) return this.#drop(entry, event, failure);
      entry.deadLetter = { ...failure, body: Buffer.from(failure.body) };
      entry.failures = 0;
    }
    const why = entry.deadLetter;
    if (delivery.deadLetter === undefined) return this.#drop(entry, event, why);
    const failure = await attemptDeadLetter(event, why, this.#attemptOptions(delivery.deadLetter, delivery));
    if (failure === undefined) return this.#settled(entry, 'dead-lettered');
    const retried = this.#retries(entry, failure, delivery);
    this.#noteFailure(failure, retried ? 'retried' : 'dropped');
    if (!retried) this.#drop(entry, event, failure);
  }

  #noteFailure({ destination, status, body }: Failure, outcome: LastFailure['outcome']): void {
    const message = body.toString('utf8', 0, MESSAGE_LENGTH);
    const at = this.#options.clock.now();
    this.#failure = { at, destination, ...(status === undefined ? {} : { status }), message, outcome };
  }

  /** Books a failed attempt; true when another one is due later. */
  #retries(entry: Entry, failure: Failure, delivery: Delivery): boolean {
    entry.failures++;
    const now = this.#options.clock.now();
    const decision = decideRetry(delivery.policy, entry.failures, failure, now);
    if (decision.action !== 'retry') return false;
    entry.due = now + decision.delay;
    return true;
  }

  #attemptOptions(target: SendTarget, delivery: Delivery): AttemptOptions {
    const { sender, labels, reply, metrics } = this.#options;
    return {
      sender,
      target,
      namespace: labels.namespace,
      timeout: delivery.policy.timeout,
      format: delivery.policy.format,
      reply,
      replyUrl: delivery.replyUrl,
      onExchange: (status, seconds) => metrics.attempted(labels, status, seconds),
    };
  }

  #drop(entry: Entry, event: BrokerEvent, failure: Failure): void {
    this.#options.logger.warn('event given up', {
      ...this.#options.labels,
      event: event.attributes['id'],
      destination: failure.destination,
      status: failure.status,
    });
    this.#settled(entry, 'dropped');
  }

  #settled(entry: Entry, result: 'delivered' | 'dead-lettered' | 'dropped'): void {
    this.#entries.delete(entry.offset);
    if (result === 'delivered') {
      this.#deliveredAt = this.#options.clock.now();
      this.#failure = undefined;
    }
    this.#options.metrics.settled(this.#options.labels, result);
  }

  /** The log cannot be read: says so, keeps the place, tries again later. */
  #stall(error: unknown): void {
    const now = this.#options.clock.now();
    if (!isCode(error, 'LogClosed'))
      this.#options.logger.error('deliveries stand still: the event log cannot be read', {
        ...this.#options.labels,
        offset: this.#next,
        error: messageOf(error),
      });
    this.#stalledUntil = now + STALLED_FOR;
    this.#armWake();
  }

  #armWake(): void {
    this.#wake?.();
    this.#wake = undefined;
    if (this.#stopped || this.#delivery === undefined) return;
    const { clock } = this.#options;
    const now = clock.now();
    let due = Infinity;
    if (this.#stalledUntil > now) due = this.#stalledUntil;
    else if (this.#entries.size > this.#running && this.#hasSlot())
      for (const entry of this.#entries.values()) if (!entry.running) due = Math.min(due, entry.due);
    if (due !== Infinity) this.#wake = clock.after(Math.max(1, due - now), () => this.#pump());
  }

  #settle(): void {
    if (this.#running > 0 || this.#pumping) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #changed(): void {
    this.#changes++;
    if (this.#saveTimer !== undefined || this.#stopped) return;
    this.#saveTimer = this.#options.clock.after(this.#limits.saveEvery, () => {
      this.#saveTimer = undefined;
      void this.#save();
    });
  }

  async #save(): Promise<void> {
    const changes = this.#changes;
    if (changes === this.#saved) return;
    try {
      await this.#options.cursor.save(this.#state());
      this.#saved = changes;
    } catch (error) {
      // Costs repeated deliveries after a crash, never an event; the next change tries again.
      this.#options.logger.warn('the place of a trigger in the event log was not saved', {
        ...this.#options.labels,
        error,
      });
    }
  }

  #state(): CursorState {
    const pending = [...this.#entries.values()]
      .map(({ offset, failures, due, deadLetter }) => ({
        offset,
        // After a restart the subscriber gets one last attempt, which finds out anew why the event is a dead letter.
        failures: deadLetter === undefined ? failures : Number.MAX_SAFE_INTEGER,
        due: Math.round(due),
      }))
      .sort((a, b) => a.offset - b.offset);
    return { next: this.#next, pending };
  }
}

/** Several triggers read the same record: its attributes are parsed once. */
const decoded = new WeakMap<Buffer, BrokerEvent>();

function decode(payload: Buffer): BrokerEvent {
  let event = decoded.get(payload);
  if (event === undefined) {
    event = decodeEvent(payload);
    decoded.set(payload, event);
  }
  return event;
}

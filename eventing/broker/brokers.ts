/**
 * The Brokers this process serves: their open logs and the dispatchers of their Triggers. Changes of one Broker are
 * applied one after the other by the caller (world.ts).
 */
import { readdir, rmdir } from 'node:fs/promises';
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../kube/log.ts';
import { stampEvent } from './accept.ts';
import { Dispatcher, type Delivery, type DispatchLimits, type DispatchStatus } from './dispatch.ts';
import { BrokerError } from './errors.ts';
import { encodeEvent, type BrokerEvent } from './event/event.ts';
import { FileLog } from './log/file/file-log.ts';
import type { Files } from './log/file/files.ts';
import type { EventLog } from './log/log.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { Sender } from './send.ts';
import { messageOf } from '../../kube/message.ts';

export interface BrokerName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface TriggerName {
  readonly name: string;
  readonly uid: string;
}

export interface BrokersOptions {
  readonly folder: string;
  readonly files: Files;
  readonly sender: Sender;
  readonly metrics: BrokerMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dispatch?: Partial<DispatchLimits>;
  readonly segmentBytes?: number;
}

interface Served {
  readonly broker: BrokerName;
  readonly log: EventLog;
  /** By UID of the Trigger. */
  readonly dispatchers: Map<string, Dispatcher>;
}

/** Milliseconds that deliveries under way get to end before the process goes. */
const DRAIN = 10_000;

const SAFE_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

export class Brokers {
  readonly #options: BrokersOptions;
  readonly #served = new Map<string, Served>();
  /** Why a Broker's log is not open. */
  readonly #failed = new Map<string, BrokerError>();
  #synced = false;
  #closing = false;

  constructor(options: BrokersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#served.size;
  }

  get logBytes(): number {
    return [...this.#served.values()].reduce((total, { log }) => total + log.size, 0);
  }

  get owed(): number {
    let owed = 0;
    for (const { dispatchers } of this.#served.values()) for (const one of dispatchers.values()) owed += one.owed;
    return owed;
  }

  /** How the deliveries of each Trigger go. */
  get triggers(): (DispatchStatus & { readonly namespace: string; readonly broker: string; readonly name: string })[] {
    return [...this.#served.values()].flatMap(({ dispatchers }) =>
      [...dispatchers.values()].map(({ labels: { namespace, broker, trigger: name }, status }) => ({
        namespace,
        broker,
        name,
        ...status,
      })),
    );
  }

  knows(namespace: string, name: string): boolean {
    return this.#served.has(keyOf({ namespace, name }));
  }

  /** From now on a Broker that is not known does not exist. */
  markSynced(): void {
    this.#synced = true;
  }

  /** Takes events of a producer; resolves once they are durable. Rejects with a BrokerError. */
  async accept(namespace: string, name: string, events: readonly BrokerEvent[]): Promise<void> {
    const served = this.#find(namespace, name);
    const now = this.#options.clock.now();
    await served.log.append(events.map((event) => encodeEvent(stampEvent(event, now))));
    this.#options.metrics.accepted(events.length);
  }

  /** Opens the Broker's log; one of an earlier Broker of that name is removed. Rejects with the reason it cannot. */
  async open(broker: BrokerName): Promise<void> {
    const key = keyOf(broker);
    const known = this.#served.get(key);
    if (known?.broker.uid === broker.uid) return;
    if (known !== undefined) await this.remove(broker);
    try {
      const log = await FileLog.open({
        folder: this.#folderOf(broker),
        files: this.#options.files,
        clock: this.#options.clock,
        log: this.#options.log,
        segmentBytes: this.#options.segmentBytes,
        onCommit: (records, bytes, seconds) => this.#options.metrics.committed(records, bytes, seconds),
      });
      this.#served.set(key, { broker, log, dispatchers: new Map() });
      this.#failed.delete(key);
    } catch (error) {
      const failure =
        error instanceof BrokerError
          ? error
          : new BrokerError('LogFailed', `the event log cannot be opened: ${messageOf(error)}`);
      this.#failed.set(key, failure);
      throw failure;
    }
  }

  /** Gives a Trigger its cursor (at the log's end when it is new) and its loop; changes where the loop delivers. */
  async subscribe(broker: BrokerName, trigger: TriggerName, delivery: Delivery | undefined): Promise<void> {
    const served = this.#served.get(keyOf(broker));
    if (served === undefined) return;
    let dispatcher = served.dispatchers.get(trigger.uid);
    if (dispatcher === undefined) {
      const { sender, metrics, clock, log, dispatch } = this.#options;
      const cursor = await served.log.cursor(trigger.uid);
      dispatcher = new Dispatcher({
        labels: { namespace: broker.namespace, broker: broker.name, trigger: trigger.name },
        log: served.log,
        cursor,
        sender,
        reply: (event) => this.accept(broker.namespace, broker.name, [event]),
        metrics,
        clock,
        logger: log,
        limits: dispatch,
      });
      served.dispatchers.set(trigger.uid, dispatcher);
    }
    dispatcher.update(delivery);
  }

  /** Forgets every Trigger but these: their loops end and their cursors are removed. */
  async keepOnly(broker: BrokerName, triggers: ReadonlySet<string>): Promise<void> {
    const served = this.#served.get(keyOf(broker));
    if (served === undefined) return;
    for (const [uid, dispatcher] of served.dispatchers) {
      if (triggers.has(uid)) continue;
      served.dispatchers.delete(uid);
      await dispatcher.stop(0);
    }
    for (const uid of served.log.subscribers()) if (!triggers.has(uid)) await served.log.removeCursor(uid);
  }

  /** Ends a Broker: its loops, its log, its folder. */
  async remove(broker: Pick<BrokerName, 'namespace' | 'name'>): Promise<void> {
    const key = keyOf(broker);
    this.#failed.delete(key);
    const served = this.#served.get(key);
    if (served === undefined) return;
    this.#served.delete(key);
    await Promise.all([...served.dispatchers.values()].map((dispatcher) => dispatcher.stop(0)));
    await served.log.close();
    await this.#removeFolder(served.broker);
  }

  /** Removes the logs of Brokers that were deleted while nobody looked. @param exists by UID */
  async removeOrphans(exists: (uid: string) => boolean): Promise<void> {
    const root = `${this.#options.folder}/logs`;
    for (const namespace of await subfolders(root))
      for (const name of await subfolders(`${root}/${namespace}`))
        for (const uid of await subfolders(`${root}/${namespace}/${name}`))
          if (!exists(uid)) await this.#removeFolder({ namespace, name, uid });
  }

  /** Lets deliveries under way end, writes the cursors and closes the logs. */
  async close(): Promise<void> {
    this.#closing = true;
    const all = [...this.#served.values()];
    await Promise.all(all.flatMap(({ dispatchers }) => [...dispatchers.values()].map((one) => one.stop(DRAIN))));
    await Promise.all(all.map(({ log }) => log.close()));
    this.#served.clear();
  }

  #find(namespace: string, name: string): Served {
    const key = keyOf({ namespace, name });
    const served = this.#served.get(key);
    if (served !== undefined) return served;
    const failure = this.#failed.get(key);
    if (failure !== undefined)
      throw new BrokerError('BrokerUnavailable', `broker ${namespace}/${name} cannot take events: ${failure.message}`, {
        retryAfter: 30,
      });
    if (this.#closing) throw new BrokerError('ShuttingDown', 'the broker is shutting down', { retryAfter: 1 });
    if (!this.#synced) throw new BrokerError('NotSynced', 'the broker is starting', { retryAfter: 1 });
    throw new BrokerError(
      'BrokerNotFound',
      `there is no broker ${name} in namespace ${namespace}: see kubectl get brokers -A`,
    );
  }

  #folderOf(broker: BrokerName): string {
    for (const part of [broker.namespace, broker.name, broker.uid])
      if (!SAFE_NAME.test(part)) throw new BrokerError('BadConfiguration', `"${part}" cannot name a folder`);
    return `${this.#options.folder}/logs/${broker.namespace}/${broker.name}/${broker.uid}`;
  }

  async #removeFolder(broker: BrokerName): Promise<void> {
    await this.#options.files.removeFolder(this.#folderOf(broker));
    const parent = `${this.#options.folder}/logs/${broker.namespace}`;
    // Only when nothing else is in them.
    await rmdir(`${parent}/${broker.name}`).catch(() => undefined);
    await rmdir(parent).catch(() => undefined);
  }
}

function keyOf(broker: Pick<BrokerName, 'namespace' | 'name'>): string {
  return `${broker.namespace}/${broker.name}`;
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

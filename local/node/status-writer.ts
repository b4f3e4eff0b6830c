/** Writes one pod's status: one request at a time, the latest state only, and nothing when nothing differs. */
import { Pod } from '../../api/core.ts';
import type { Client } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { deepEqual } from '../../kube/equal.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import type { Logger } from '../../kube/log.ts';
import { MERGE_PATCH } from '../../kube/transport.ts';
import type { PodStatus } from './pod/pod-status.ts';

export interface Written {
  readonly status: PodStatus;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Statuses that only say "on its way" wait this long for something better to say. */
const SOON = 250;
const RETRY_FIRST = 100;
const RETRY_MOST = 10_000;

export class StatusWriter {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #pod: Pod;
  readonly #compute: () => Written;
  readonly #onWrite: () => void;
  #last: Written | undefined;
  #writing: Promise<void> | undefined;
  #again = false;
  #cancel: (() => void) | undefined;
  #failures = 0;
  #stopped = false;

  constructor(
    options: { client: Client; clock: Clock; log: Logger; onWrite: () => void },
    pod: Pod,
    compute: () => Written,
  ) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onWrite = options.onWrite;
    this.#pod = pod;
    this.#compute = compute;
  }

  now(): void {
    if (this.#stopped) return;
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#writing !== undefined) this.#again = true;
    else this.#writing = this.#run();
  }

  soon(): void {
    if (this.#stopped) return;
    this.#cancel ??= this.#clock.after(SOON, () => this.now());
  }

  /** Resolves when all that was asked for is written or given up. */
  async flush(): Promise<void> {
    this.now();
    while (this.#writing !== undefined) await this.#writing;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      const next = this.#compute();
      if (deepEqual(next, this.#last)) continue;
      try {
        await this.#write(next);
        this.#last = next;
        this.#failures = 0;
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) this.#stopped = true;
        else this.#retry(error);
        break;
      }
    } while (this.#again && !this.#stopped);
    this.#writing = undefined;
  }

  async #write(next: Written): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata;
    const { annotations } = next;
    const renewed = Object.keys(annotations).length > 0 && !deepEqual(annotations, this.#last?.annotations);
    const gone = Object.keys(this.#last?.status ?? {}).filter((key) => !(key in next.status));
    const status = { ...next.status, ...Object.fromEntries(gone.map((key) => [key, null])) };
    // Kubernetes takes annotations of a pod along with its status: one write instead of two.
    const patch = { metadata: renewed ? { uid, annotations } : { uid }, status };
    const stored = await this.#client.patch(Pod, namespace, name, patch, {
      contentType: MERGE_PATCH,
      subresource: 'status',
    });
    this.#onWrite();
    const kept = stored.metadata.annotations ?? {};
    if (renewed && Object.entries(annotations).some(([key, value]) => kept[key] !== value))
      await this.#client.patch(Pod, namespace, name, { metadata: { uid, annotations } });
  }

  #retry(error: unknown): void {
    const delay = Math.min(RETRY_MOST, RETRY_FIRST * 2 ** Math.min(this.#failures++, 10));
    if (this.#failures > 3) this.#log.warn('pod status not written, trying again', { delay, error });
    this.#cancel ??= this.#clock.after(delay, () => this.now());
  }
}

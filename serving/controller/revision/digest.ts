/**
 * Tags to digests in the background: a bounded number at a time, each Revision once, failures held back before the
 * next attempt. Source: reference section 2.4, "Digests".
 */
import { systemClock, type Clock } from '../../../kube/clock.ts';
import type { ObjectKey } from '../../../kube/reconciler.ts';
import { ImageUnresolvedError } from '../errors.ts';
import { isDigest, registryOf } from './image-reference.ts';

export type ResolveImage = (image: string, signal: AbortSignal) => Promise<string>;

export interface DigestOptions {
  readonly resolveImage: ResolveImage;
  /** Images looked up at a time. */
  readonly workers?: number;
  readonly clock?: Clock;
}

export interface DigestRequest {
  readonly images: readonly string[];
  /** Milliseconds an image may take. */
  readonly timeout: number;
  readonly skipRegistries: readonly string[];
}

export type DigestState =
  | { readonly state: 'pending' }
  /** `retryIn` ms until a new attempt is worth asking for. */
  | { readonly state: 'failed'; readonly error: ImageUnresolvedError; readonly retryIn: number }
  /** Digest references by image; empty text leaves the image as it is. */
  | { readonly state: 'resolved'; readonly digests: ReadonlyMap<string, string> };

interface Entry {
  readonly key: ObjectKey;
  failures: number;
  nextAttempt: number;
  settled: Promise<void>;
  /** The reconcile pass that asked has gone on without an answer. */
  unanswered: boolean;
  /** Images have changed since the attempt began: a failure says nothing about them. */
  stale: boolean;
  outcome: { digests: ReadonlyMap<string, string> } | { error: ImageUnresolvedError } | undefined;
}

const FIRST_RETRY = 500;
const LAST_RETRY = 30_000;
/** A local store answers within this many ms: then the Revision need not be told that it waits. */
const PATIENCE = 50;

export class DigestResolver {
  readonly #resolveImage: ResolveImage;
  readonly #workers: number;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  readonly #aborts = new Set<AbortController>();
  #running = 0;
  #wake: (key: ObjectKey) => void = () => undefined;

  constructor(options: DigestOptions) {
    this.#resolveImage = options.resolveImage;
    this.#workers = options.workers ?? 100;
    this.#clock = options.clock ?? systemClock;
  }

  onSettled(wake: (key: ObjectKey) => void): void {
    this.#wake = wake;
  }

  /** The state of a Revision's images; starts an attempt when none is under way and the last one is long enough ago. */
  async resolve(key: ObjectKey, request: DigestRequest): Promise<DigestState> {
    const name = `${key.namespace ?? ''}/${key.name}`;
    let entry = this.#entries.get(name);
    if (entry === undefined || ('error' in (entry.outcome ?? {}) && this.#clock.now() >= entry.nextAttempt)) {
      entry = this.#start(name, key, request, entry?.failures ?? 0);
      await this.#brieflyFor(entry);
    }
    const { outcome } = entry;
    if (outcome === undefined) {
      entry.unanswered = true;
      return { state: 'pending' };
    }
    if ('digests' in outcome) return { state: 'resolved', digests: outcome.digests };
    return {
      state: 'failed',
      error: outcome.error,
      retryIn: Math.max(1, entry.nextAttempt - this.#clock.now()),
    };
  }

  /** New images are to be had: what failed is worth another attempt at once, and what is under way one more. */
  retryFailed(): void {
    for (const entry of this.#entries.values()) {
      entry.failures = 0;
      if (entry.outcome === undefined) entry.stale = true;
      else if ('error' in entry.outcome) this.#retryNow(entry);
    }
  }

  /** Forgets a Revision: its status has the digests, or it is gone. */
  forget(key: ObjectKey): void {
    this.#entries.delete(`${key.namespace ?? ''}/${key.name}`);
  }

  stop(): void {
    for (const abort of this.#aborts) abort.abort(new Error('shutting down'));
    this.#entries.clear();
  }

  #start(name: string, key: ObjectKey, request: DigestRequest, failures: number): Entry {
    const entry: Entry = {
      key,
      failures,
      nextAttempt: 0,
      unanswered: false,
      stale: false,
      outcome: undefined,
      settled: Promise.resolve(),
    };
    this.#entries.set(name, entry);
    entry.settled = this.#resolveAll(request).then(
      (digests) => {
        entry.outcome = { digests };
      },
      (error: unknown) => {
        entry.failures++;
        entry.nextAttempt = this.#clock.now() + Math.min(LAST_RETRY, FIRST_RETRY * 2 ** (entry.failures - 1));
        entry.outcome = {
          error: error instanceof ImageUnresolvedError ? error : new ImageUnresolvedError(request.images.join(), error),
        };
      },
    );
    void entry.settled.then(() => {
      if (entry.stale) this.#retryNow(entry);
      else if (entry.unanswered) this.#wake(key);
    });
    return entry;
  }

  #retryNow(entry: Entry): void {
    entry.nextAttempt = 0;
    this.#wake(entry.key);
  }

  async #resolveAll(request: DigestRequest): Promise<ReadonlyMap<string, string>> {
    const images = [...new Set(request.images)];
    const digests = await Promise.all(images.map((image) => this.#resolveOne(image, request)));
    return new Map(images.map((image, i) => [image, digests[i] ?? '']));
  }

  async #resolveOne(image: string, request: DigestRequest): Promise<string> {
    if (isDigest(image)) return image;
    if (request.skipRegistries.includes(registryOf(image))) return '';
    await this.#slot();
    const abort = new AbortController();
    this.#aborts.add(abort);
    const cancel = this.#clock.after(request.timeout, () =>
      abort.abort(new Error(`no answer within ${request.timeout / 1000} s`)),
    );
    try {
      return await Promise.race([this.#resolveImage(image, abort.signal), aborted(abort.signal)]);
    } catch (error) {
      throw new ImageUnresolvedError(image, error);
    } finally {
      cancel();
      this.#aborts.delete(abort);
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #slot(): Promise<void> {
    if (this.#running >= this.#workers) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
  }

  async #brieflyFor(entry: Entry): Promise<void> {
    let cancel: () => void = () => undefined;
    const patience = new Promise<void>((resolve) => (cancel = this.#clock.after(PATIENCE, resolve)));
    await Promise.race([entry.settled, patience]);
    cancel();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

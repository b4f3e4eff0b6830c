/**
 * Watches: what changed after a version, then every change as it becomes durable, seen through a selection.
 * Source: Kubernetes API concepts, "Efficient detection of changes", "Watch bookmarks", "Streaming lists".
 */
import type { KubeObject } from '../../../api/object.ts';
import { failure } from '../../../kube/errors.ts';
import type { WatchEvent, WatchHandle, Watcher } from '../../../kube/transport.ts';
import { fromStorage } from '../conversions.ts';
import { badRequest } from '../errors.ts';
import { groupVersion, storageOf, type KindInfo } from '../registry.ts';
import { parseSelection, type Selection } from '../selectors.ts';
import type { Change } from '../store/history.ts';
import { isTrue, type Call, type Core } from './call.ts';
import { invalidOptions, parseVersion } from './read.ts';

const BOOKMARK_PERIOD = 60_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/**
 * Starts in a microtask, so that the caller has the handle first.
 * @throws ApiError for options that make no sense
 */
export function watch(core: Core, call: Call, watcher: Watcher): WatchHandle {
  const stream = new WatchStream(core, call, watcher);
  queueMicrotask(() => stream.start());
  return stream;
}

class WatchStream implements WatchHandle {
  readonly #core: Core;
  readonly #info: KindInfo;
  readonly #prefix: string;
  readonly #name: string | undefined;
  readonly #selection: Selection;
  readonly #watcher: Watcher;
  /** Undefined: begin with what there is. */
  readonly #from: number | undefined;
  readonly #initialEvents: boolean;
  readonly #bookmarks: boolean;
  readonly #timeout: number;
  #closed = false;
  #unsubscribe: (() => void) | undefined;
  #cancelTimeout: (() => void) | undefined;
  #cancelBookmark: (() => void) | undefined;

  constructor(core: Core, call: Call, watcher: Watcher) {
    const { info, namespace, query } = call;
    this.#core = core;
    this.#info = info;
    this.#watcher = watcher;
    this.#prefix = info.namespaced && namespace !== undefined ? `${namespace}/` : '';
    this.#name = call.name;
    this.#selection = parseSelection(info, query.labelSelector, query.fieldSelector);
    this.#bookmarks = query.allowWatchBookmarks !== undefined && isTrue(query.allowWatchBookmarks);
    const version = query.resourceVersion ?? '';
    this.#initialEvents = wantsInitialEvents(call, this.#bookmarks);
    this.#from = version === '' || version === '0' || this.#initialEvents ? undefined : parseVersion(version);
    this.#timeout = parseTimeout(query.timeoutSeconds);
  }

  start(): void {
    if (this.#closed) return;
    this.#core.watches.set(this.#stop, storageOf(this.#info));
    const { store, clock } = this.#core;
    const storage = storageOf(this.#info);
    if (this.#from === undefined) {
      // Nothing is asked for before now unless the client said where it stands.
      for (const [, object] of store.entries(storage, this.#prefix)) {
        if (this.#sees(object)) this.#send({ type: 'ADDED', object: fromStorage(this.#info, object) });
        if (this.#closed) return;
      }
      if (this.#initialEvents) this.#bookmark({ [INITIAL_EVENTS_END]: 'true' });
    } else {
      const changes = store.changesSince(storage, this.#from);
      if (changes === undefined) return this.#expire(this.#from, store.oldest(storage));
      for (const change of changes) {
        this.#take(change);
        if (this.#closed) return;
      }
    }
    if (this.#closed) return;
    this.#unsubscribe = store.subscribe(storage, (change) => this.#take(change));
    if (this.#bookmarks) this.#bookmarkLater();
    if (this.#timeout > 0) this.#cancelTimeout = clock.after(this.#timeout, () => this.#finish());
  }

  readonly #stop = (reason?: Error): void => this.#finish(reason);

  close(): void {
    this.#closed = true;
    this.#core.watches.delete(this.#stop);
    this.#unsubscribe?.();
    this.#cancelTimeout?.();
    this.#cancelBookmark?.();
  }

  #take(change: Change): void {
    if (this.#closed || !change.key.startsWith(this.#prefix)) return;
    const { previous, object, version } = change;
    if (this.#from !== undefined && version <= this.#from) return;
    const saw = previous !== undefined && this.#sees(previous);
    const sees = change.type !== 'DELETED' && this.#sees(object);
    if (sees) this.#send({ type: saw ? 'MODIFIED' : 'ADDED', object: fromStorage(this.#info, object) });
    else if (saw) this.#send({ type: 'DELETED', object: fromStorage(this.#info, asLeft(change, previous)) });
  }

  #sees(object: KubeObject): boolean {
    if (this.#name !== undefined && object.metadata.name !== this.#name) return false;
    return this.#selection.matches(object);
  }

  #send(event: WatchEvent): void {
    this.#watcher.onEvent(event);
  }

  #bookmarkLater(): void {
    this.#cancelBookmark = this.#core.clock.after(BOOKMARK_PERIOD, () => {
      this.#bookmark(undefined);
      this.#bookmarkLater();
    });
  }

  #bookmark(annotations: Record<string, string> | undefined): void {
    const { kind } = this.#info;
    // As Kubernetes: all there is to a bookmark is its version.
    const metadata = { resourceVersion: String(this.#core.store.version), annotations };
    const object = { kind, apiVersion: groupVersion(this.#info), metadata } as unknown as KubeObject;
    this.#send({ type: 'BOOKMARK', object });
  }

  #expire(from: number, oldest: number): void {
    const status = failure(410, 'Expired', `too old resource version: ${from} (${oldest})`);
    this.#send({ type: 'ERROR', object: status });
    this.#finish();
  }

  #finish(reason?: Error): void {
    if (this.#closed) return;
    this.close();
    this.#watcher.onEnd(reason);
  }
}

/** An object that left the selection: its last state within it, with the version of the change. */
function asLeft(change: Change, previous: KubeObject): KubeObject {
  if (change.type === 'DELETED') return change.object;
  return { ...previous, metadata: { ...previous.metadata, resourceVersion: String(change.version) } };
}

function wantsInitialEvents(call: Call, bookmarks: boolean): boolean {
  const { sendInitialEvents, resourceVersionMatch: match } = call.query;
  if (sendInitialEvents === undefined || sendInitialEvents === '') {
    if (match !== undefined && match !== '')
      throw invalidOptions(
        'resourceVersionMatch',
        'FieldValueForbidden',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      );
    return false;
  }
  if (match !== 'NotOlderThan')
    throw invalidOptions(
      'resourceVersionMatch',
      'FieldValueForbidden',
      `sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
    );
  const wanted = isTrue(sendInitialEvents);
  if (wanted && !bookmarks)
    throw invalidOptions(
      'sendInitialEvents',
      'FieldValueForbidden',
      'sendInitialEvents requires setting allowWatchBookmarks to true',
    );
  return wanted;
}

function parseTimeout(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  const seconds = Number(text);
  if (!Number.isInteger(seconds)) throw badRequest(`invalid timeoutSeconds ${JSON.stringify(text)}`);
  return Math.max(0, seconds) * 1000;
}

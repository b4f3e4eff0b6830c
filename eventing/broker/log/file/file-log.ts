/** The log on the local disk: segments, group commit, retention. docs/formats/event-log.md describes the files. */
import type { Clock } from '../../../../kube/clock.ts';
import type { Logger } from '../../../../kube/log.ts';
import { BrokerError, errnoOf } from '../../errors.ts';
import type { Cursor, EventLog, LogRecord, ReadLimit } from '../log.ts';
import { CursorFile } from './cursor-file.ts';
import type { Files, OpenFile } from './files.ts';
import { encodeFrame, FRAME_HEADER, RECORD_HEADER } from './format.ts';
import { corrupt, Segment } from './segment.ts';
import { Tail } from './tail.ts';
import { messageOf } from '../../../../kube/message.ts';

export interface FileLogOptions {
  readonly folder: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Logger;
  /** A segment is sealed at this size, bytes. */
  readonly segmentBytes?: number;
  /** Newest payloads held in memory, bytes. */
  readonly tailBytes?: number;
  /** Told of each commit: records, bytes, seconds it took. For metrics. */
  readonly onCommit?: (records: number, bytes: number, seconds: number) => void;
}

interface Waiting {
  readonly payloads: readonly Buffer[];
  readonly resolve: (offset: number) => void;
  readonly reject: (error: Error) => void;
}

const SEGMENT_BYTES = 32 * 1024 * 1024;
const TAIL_BYTES = 1024 * 1024;
/** One commit takes no more than this, unless a single append is larger. */
const FRAME_BYTES = 4 * 1024 * 1024;
/** Milliseconds between two looks at what can be deleted. */
const RETAIN_EVERY = 50;
const CURSOR_NAME = /^([A-Za-z0-9-]+)\.cursor$/;

export class FileLog implements EventLog {
  readonly #options: FileLogOptions;
  readonly #files: Files;
  readonly #tail: Tail;
  readonly #segments: Segment[] = [];
  readonly #cursors = new Map<string, CursorFile>();
  readonly #listeners = new Set<() => void>();
  #queue: Waiting[] = [];
  #file!: OpenFile;
  #end = 0;
  #committing: Promise<void> | undefined;
  #retaining: Promise<void> = Promise.resolve();
  #retainTimer: (() => void) | undefined;
  #needsCut = false;
  #closed = false;

  private constructor(options: FileLogOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#tail = new Tail(options.tailBytes ?? TAIL_BYTES);
  }

  /**
   * Opens a folder as a log, making it when it does not exist.
   * @throws BrokerError `LogCorrupt` when it is damaged beyond a torn tail
   */
  static async open(options: FileLogOptions): Promise<FileLog> {
    const log = new FileLog(options);
    await log.#open();
    return log;
  }

  get start(): number {
    return this.#segments[0]?.base ?? 0;
  }

  get end(): number {
    return this.#end;
  }

  get size(): number {
    return this.#segments.reduce((total, segment) => total + segment.size, 0);
  }

  append(payloads: readonly Buffer[]): Promise<number> {
    if (this.#closed)
      return Promise.reject(new BrokerError('LogClosed', 'the event log is closing', { retryAfter: 1 }));
    if (payloads.length === 0) return Promise.resolve(this.#end);
    return new Promise((resolve, reject) => {
      this.#queue.push({ payloads, resolve, reject });
      this.#committing ??= this.#commitSoon();
    });
  }

  async read(from: number, limit: ReadLimit): Promise<readonly LogRecord[]> {
    for (;;) {
      const offset = Math.max(from, this.start);
      if (offset >= this.#end || this.#closed) return [];
      const recent = this.#tail.read(offset, limit);
      if (recent !== undefined) return recent;
      const at = this.#segments.findLastIndex((segment) => segment.base <= offset);
      const segment = this.#segments[at];
      if (segment === undefined) return [];
      const next = this.#segments[at + 1];
      if (next === undefined) return segment.read(this.#file, this.#files, offset, this.#end, limit);
      try {
        return await this.#readSealed(segment, offset, next.base, limit);
      } catch (error) {
        // Deleted meanwhile because nobody was owed it: the oldest record held is the next one.
        if (errnoOf(error) !== 'ENOENT' || this.#segments.includes(segment)) throw error;
      }
    }
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async cursor(subscriber: string): Promise<Cursor> {
    const known = this.#cursors.get(subscriber);
    if (known !== undefined) return known;
    const path = this.#cursorPath(subscriber);
    const state = { next: this.#end, pending: [] };
    const cursor = await CursorFile.create(path, this.#files, state, () => this.#retainSoon());
    await this.#files.syncFolder(`${this.#options.folder}/cursors`);
    this.#cursors.set(subscriber, cursor);
    return cursor;
  }

  subscribers(): readonly string[] {
    return [...this.#cursors.keys()];
  }

  async removeCursor(subscriber: string): Promise<void> {
    const cursor = this.#cursors.get(subscriber);
    if (cursor === undefined) return;
    this.#cursors.delete(subscriber);
    await cursor.remove();
    this.#retain();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#retainTimer?.();
    await this.#committing;
    await this.#retaining;
    for (const cursor of this.#cursors.values()) await cursor.close();
    await this.#file.close();
  }

  #cursorPath(subscriber: string): string {
    if (!CURSOR_NAME.test(`${subscriber}.cursor`)) throw new RangeError(`"${subscriber}" cannot name a cursor`);
    return `${this.#options.folder}/cursors/${subscriber}.cursor`;
  }

  async #open(): Promise<void> {
    const { folder, log } = this.#options;
    await this.#files.makeFolder(folder);
    await this.#files.makeFolder(`${folder}/cursors`);
    const bases = (await this.#files.list(folder))
      .map(Segment.baseOf)
      .filter((base) => base !== undefined)
      .sort((a, b) => a - b);
    for (const base of bases) this.#segments.push(new Segment(Segment.pathOf(folder, base), base));
    for (const segment of this.#segments.slice(0, -1)) {
      const file = await this.#files.open(segment.path, 'read');
      segment.size = await file.size().finally(() => file.close());
      if (segment.size === 0) throw corrupt(segment.path, 0, 'the segment is empty though later ones exist');
    }
    const last = this.#segments[this.#segments.length - 1];
    if (last === undefined) await this.#startSegment(0);
    else {
      this.#file = await this.#files.open(last.path, 'update');
      try {
        const { end, torn } = await last.recover(this.#file, this.#files);
        this.#end = end;
        if (torn > 0)
          log.warn('cut a torn tail off the event log; nothing in it was acknowledged', {
            path: last.path,
            bytes: torn,
          });
      } catch (error) {
        await this.#file.close();
        throw error;
      }
    }
    await this.#loadCursors();
    this.#retain();
  }

  async #loadCursors(): Promise<void> {
    const folder = `${this.#options.folder}/cursors`;
    for (const file of await this.#files.list(folder)) {
      const subscriber = CURSOR_NAME.exec(file)?.[1];
      if (subscriber === undefined) continue;
      const cursor = await CursorFile.load(`${folder}/${file}`, this.#files, this.start, () => this.#retainSoon());
      this.#cursors.set(subscriber, cursor);
    }
  }

  async #readSealed(segment: Segment, from: number, end: number, limit: ReadLimit): Promise<readonly LogRecord[]> {
    const file = await this.#files.open(segment.path, 'read');
    try {
      return await segment.read(file, this.#files, from, end, limit);
    } finally {
      await file.close();
    }
  }

  async #commitSoon(): Promise<void> {
    // Whatever else arrives in this turn of the event loop shares the first commit.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) await this.#commit(this.#take());
    this.#committing = undefined;
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { payloads } of this.#queue) {
      const size = payloads.reduce((total, payload) => total + payload.length + RECORD_HEADER, 0);
      if (count > 0 && bytes + size > FRAME_BYTES) break;
      bytes += size;
      count++;
    }
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const started = performance.now();
    const payloads =
      batch.length === 1 && batch[0] !== undefined ? batch[0].payloads : batch.flatMap((one) => one.payloads);
    const first = this.#end;
    let frame: Buffer;
    try {
      frame = encodeFrame(first, this.#options.clock.now(), payloads);
      await this.#write(frame, first);
    } catch (error) {
      const failure = this.#failure(error);
      for (const { reject } of batch) reject(failure);
      return;
    }
    this.#end = first + payloads.length;
    if (this.#cursors.size > 0) this.#remember(frame, first, payloads);
    let offset = first;
    for (const { resolve, payloads: own } of batch) {
      resolve(offset);
      offset += own.length;
    }
    this.#options.onCommit?.(payloads.length, frame.length, (performance.now() - started) / 1_000);
    for (const listener of this.#listeners) listener();
  }

  #remember(frame: Buffer, first: number, payloads: readonly Buffer[]): void {
    let at = FRAME_HEADER;
    payloads.forEach((payload, i) => {
      at += RECORD_HEADER;
      this.#tail.push({ offset: first + i, payload: frame.subarray(at, at + payload.length) });
      at += payload.length;
    });
  }

  async #write(frame: Buffer, first: number): Promise<void> {
    let segment = this.#last();
    if (this.#needsCut) {
      await this.#file.truncate(segment.size);
      this.#needsCut = false;
    }
    if (segment.size > 0 && segment.size + frame.length > (this.#options.segmentBytes ?? SEGMENT_BYTES)) {
      await this.#roll(segment);
      segment = this.#last();
    }
    try {
      await this.#file.writeDurably(frame, segment.size);
    } catch (error) {
      this.#needsCut = true;
      await this.#file.truncate(segment.size).then(
        () => (this.#needsCut = false),
        // Tried again before the next append; until then nothing can be appended.
        () => undefined,
      );
      throw error;
    }
    segment.note(first, segment.size);
    segment.size += frame.length;
  }

  async #roll(sealed: Segment): Promise<void> {
    const file = this.#file;
    await this.#startSegment(this.#end);
    await file.close();
    await sealed.writeIndex(this.#files).catch((error: unknown) => {
      this.#options.log.warn('index of an event log segment not written; it is made anew when needed', {
        path: sealed.indexPath,
        error,
      });
    });
    this.#retain();
  }

  async #startSegment(base: number): Promise<void> {
    const segment = new Segment(Segment.pathOf(this.#options.folder, base), base);
    // Left over by a roll that failed half-way; it can hold nothing that was acknowledged.
    await this.#files.remove(segment.path);
    const file = await this.#files.open(segment.path, 'create');
    try {
      await this.#files.syncFolder(this.#options.folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
    this.#segments.push(segment);
    this.#end = base;
  }

  #failure(error: unknown): BrokerError {
    const full = errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT';
    const { folder, log } = this.#options;
    const message = messageOf(error);
    log.error(full ? 'event log: the disk is full' : 'event log: append failed', { folder, error: message });
    return full
      ? new BrokerError('LogFull', `the broker's disk is full: free space below ${folder}`, {
          cause: error,
          retryAfter: 10,
        })
      : new BrokerError('LogFailed', `the event could not be made durable: ${message}`, {
          cause: error,
          retryAfter: 5,
        });
  }

  #last(): Segment {
    const segment = this.#segments[this.#segments.length - 1];
    if (segment === undefined) throw new Error('the event log is not open');
    return segment;
  }

  /** Many cursors are saved at a time: what they have passed is looked at once for all of them. */
  #retainSoon(): void {
    if (this.#closed) return;
    this.#retainTimer ??= this.#options.clock.after(RETAIN_EVERY, () => {
      this.#retainTimer = undefined;
      this.#retain();
    });
  }

  /** Deletes the sealed segments that every cursor has passed, one pass at a time. */
  #retain(): void {
    const low = this.#low();
    this.#tail.trim(Math.min(low, this.#end));
    const second = this.#segments[1];
    if (second === undefined || second.base > low) return;
    this.#retaining = this.#retaining.then(() => this.#deletePassed());
  }

  async #deletePassed(): Promise<void> {
    const { folder, log } = this.#options;
    try {
      for (;;) {
        const [oldest, next] = this.#segments;
        if (oldest === undefined || next === undefined || next.base > this.#low()) return;
        this.#segments.shift();
        await oldest.remove(this.#files, await this.#files.list(folder));
      }
    } catch (error) {
      log.warn('a passed segment of the event log was not deleted', { folder, error });
    }
  }

  #low(): number {
    let low = Infinity;
    for (const cursor of this.#cursors.values()) low = Math.min(low, cursor.low);
    return low;
  }
}

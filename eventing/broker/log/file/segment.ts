/** One segment file: where its frames are, how to open the last one after a crash, how to read from an offset. */
import { basename } from 'node:path';
import { BrokerError } from '../../errors.ts';
import type { LogRecord, ReadLimit } from '../log.ts';
import type { Files, OpenFile } from './files.ts';
import { decodeIndex, encodeIndex, type IndexEntry } from './format.ts';
import { FrameReader } from './frames.ts';

/** Bytes between two index entries. */
const INDEX_STEP = 32 * 1024;

export class Segment {
  readonly base: number;
  readonly path: string;
  /** Bytes that are durable and valid; of a sealed segment, those of the file. */
  size = 0;
  #index: IndexEntry[] | undefined;

  constructor(path: string, base: number) {
    this.path = path;
    this.base = base;
  }

  static pathOf(folder: string, base: number): string {
    return `${folder}/${String(base).padStart(20, '0')}.log`;
  }

  /** The base offset a file name says, undefined for another kind of file. */
  static baseOf(file: string): number | undefined {
    return /^\d{20}\.log$/.test(file) ? Number(file.slice(0, 20)) : undefined;
  }

  get indexPath(): string {
    return this.path.replace(/\.log$/, '.idx');
  }

  /** Takes note of a frame that begins at `position`. Frames come in order. */
  note(offset: number, position: number): void {
    this.#index ??= [];
    const last = this.#index[this.#index.length - 1];
    if (last === undefined || position - last.position >= INDEX_STEP) this.#index.push({ offset, position });
  }

  /**
   * Reads the last segment through, repairs a torn tail, and returns the offset behind its last record.
   * @throws BrokerError `LogCorrupt` when valid frames follow an invalid one; nothing is changed then
   */
  async recover(file: OpenFile, files: Files): Promise<{ end: number; torn: number }> {
    const fileSize = await file.size();
    const reader = new FrameReader(file, fileSize);
    this.#index = [];
    let end = this.base;
    let position = 0;
    while (position < fileSize) {
      const frame = await reader.header(position);
      const whole =
        frame !== undefined && frame.header.firstOffset === end && (await reader.records(frame)) !== undefined;
      if (!whole) {
        // Behind a frame whose header is sound, only what follows it can be a frame of ours.
        const later = await reader.findFrame(frame === undefined ? position + 1 : frame.next, end);
        if (later !== undefined) throw corrupt(this.path, position, `valid frames follow at byte ${later.position}`);
        break;
      }
      this.note(end, position);
      end += frame.header.records;
      position = frame.next;
    }
    const torn = fileSize - position;
    if (torn > 0) await this.#cutTail(file, files, reader, position, torn);
    this.size = position;
    return { end, torn };
  }

  async #cutTail(file: OpenFile, files: Files, reader: FrameReader, position: number, torn: number): Promise<void> {
    if (!(await reader.isZero(position))) {
      const tail = Buffer.alloc(torn);
      await file.read(tail, position);
      await files.replace(`${this.path}.torn-${Math.floor(position)}`, tail);
    }
    await file.truncate(position);
  }

  /**
   * Records from an offset of this segment on.
   * @param end offset behind the segment's last record
   */
  async read(file: OpenFile, files: Files, from: number, end: number, limit: ReadLimit): Promise<LogRecord[]> {
    const reader = new FrameReader(file, this.size);
    const start = locate(await this.#loadIndex(reader, files), from);
    const found: LogRecord[] = [];
    let bytes = 0;
    let position = start.position;
    let offset = start.offset;
    while (offset < end) {
      const frame = await reader.header(position);
      if (frame === undefined || frame.header.firstOffset !== offset)
        throw corrupt(this.path, position, `the frame of record ${offset} is damaged`);
      if (offset + frame.header.records > from) {
        const records = await reader.records(frame);
        if (records === undefined) throw corrupt(this.path, position, `records ${offset} and on are damaged`);
        for (const record of records) {
          if (record.offset < from) continue;
          if (found.length >= limit.records || (found.length > 0 && bytes + record.payload.length > limit.bytes))
            return found;
          found.push(record);
          bytes += record.payload.length;
        }
      }
      offset += frame.header.records;
      position = frame.next;
    }
    return found;
  }

  /** Writes the index beside a segment that will not change any more. */
  async writeIndex(files: Files): Promise<void> {
    await files.replace(this.indexPath, encodeIndex(this.#index ?? []));
  }

  async remove(files: Files, folder: readonly string[]): Promise<void> {
    const name = basename(this.path);
    for (const other of folder) {
      if (other.startsWith(`${name}.torn-`)) await files.remove(`${this.path}${other.slice(name.length)}`);
    }
    await files.remove(this.indexPath);
    await files.remove(this.path);
  }

  async #loadIndex(reader: FrameReader, files: Files): Promise<readonly IndexEntry[]> {
    if (this.#index !== undefined) return this.#index;
    try {
      const index = decodeIndex(await files.readAll(this.indexPath));
      if (index !== undefined && index.length > 0) return (this.#index = index);
    } catch {
      // No index: it is made anew below.
    }
    const index: IndexEntry[] = [];
    this.#index = index;
    let position = 0;
    while (position < this.size) {
      const frame = await reader.header(position);
      // What cannot be walked is left to the read that needs it, which names the place.
      if (frame === undefined) break;
      this.note(frame.header.firstOffset, position);
      position = frame.next;
    }
    return index;
  }
}

function locate(index: readonly IndexEntry[], offset: number): IndexEntry {
  let low = 0;
  let high = index.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((index[middle]?.offset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return index[low] ?? { offset, position: 0 };
}

export function corrupt(path: string, position: number, what: string): BrokerError {
  return new BrokerError(
    'LogCorrupt',
    `event log ${path} is damaged at byte ${position}: ${what}; nothing was changed. Restore the file, or move the folder away to start empty`,
  );
}

/** The append-only log file: one frame a batch, durable when `append` resolves. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storeFile, syncDir } from './files.ts';
import { encodeFrame } from './frame.ts';

export interface LogHeader {
  readonly format: 'zeroth-api-log';
  readonly version: 1;
  /** The last resourceVersion before this log's first record. */
  readonly after: number;
}

/** With O_DSYNC a write is durable when it returns: one trip to the thread pool instead of two. */
const SYNCED: number | undefined = constants.O_DSYNC;

export class Log {
  readonly path: string;
  readonly #file: FileHandle;
  #size: number;
  /** A failed write left bytes behind that must be cut off first. */
  #dirty = false;
  #broken: Error | undefined;

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path;
    this.#file = file;
    this.#size = size;
  }

  /** Why nothing can be appended until the folder is opened again. */
  get failure(): Error | undefined {
    return this.#broken;
  }

  get size(): number {
    return this.#size;
  }

  /** A new log in `dir` for what comes after `version`. */
  static async create(dir: string, version: number): Promise<Log> {
    const { path } = storeFile(dir, 'log', version);
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (SYNCED ?? 0), 0o600);
    const log = new Log(path, file, 0);
    try {
      const header: LogHeader = { format: 'zeroth-api-log', version: 1, after: version };
      await log.append([JSON.stringify(header)]);
      await syncDir(dirname(path));
    } catch (error) {
      await file.close();
      throw error;
    }
    return log;
  }

  /** Goes on after the first `size` bytes; what lies beyond is cut off. */
  static async resume(path: string, size: number): Promise<Log> {
    const file = await open(path, constants.O_WRONLY | (SYNCED ?? 0));
    try {
      await file.truncate(size);
      await file.sync();
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Log(path, file, size);
  }

  /** Rejects with the system's error; nothing of the batch is in the log then. */
  async append(lines: readonly string[]): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#dirty) {
      await this.#file.truncate(this.#size);
      this.#dirty = false;
    }
    const frame = encodeFrame(lines);
    this.#dirty = true;
    try {
      let written = 0;
      while (written < frame.length) {
        const { bytesWritten } = await this.#file.write(frame, written, frame.length - written, this.#size + written);
        written += bytesWritten;
      }
      if (SYNCED === undefined) await this.#file.datasync();
    } catch (error) {
      // After a failed sync the kernel may have dropped the pages: nothing this file says can be relied on any more,
      // except that a disk that is merely full can become free again.
      if (!isFull(error)) this.#broken = error instanceof Error ? error : new Error(String(error));
      await this.#cut();
      throw error;
    }
    this.#dirty = false;
    this.#size += frame.length;
  }

  /** At once, so that a frame that is whole but was refused cannot come back after a crash. */
  async #cut(): Promise<void> {
    try {
      await this.#file.truncate(this.#size);
      this.#dirty = false;
    } catch {
      // Tried again before the next append.
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function isFull(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

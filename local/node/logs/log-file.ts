/**
 * A container's log on disk: a line a line, `TIME STREAM F|P TEXT` (the format of the container runtime interface).
 * Bounded: past its size the file becomes `.1` and a new one begins.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync, fstatSync } from 'node:fs';
import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';

export const LOG_BYTES = 10 * 1024 * 1024;
/** A longer line is cut into parts (`P`) so that a program without newlines costs no memory. */
const LONGEST_LINE = 16 * 1024;

export interface LogFileEvents {
  /** Something was written, or the file was rotated. */
  change: [];
  end: [];
  failed: [Error];
}

export class LogFile extends EventEmitter<LogFileEvents> {
  readonly path: string;
  readonly #now: () => number;
  readonly #limit: number;
  readonly #rests = new Map<string, Buffer>();
  #fd: number | undefined;
  #size: number;
  #rotations = 0;
  #failed: Error | undefined;

  /** @param now milliseconds since the epoch */
  constructor(path: string, now: () => number, limit = LOG_BYTES) {
    super();
    this.setMaxListeners(0);
    this.path = path;
    this.#now = now;
    this.#limit = limit;
    this.#fd = openSync(path, 'a', 0o640);
    this.#size = fstatSync(this.#fd).size;
  }

  get ended(): boolean {
    return this.#fd === undefined;
  }

  get rotations(): number {
    return this.#rotations;
  }

  /** Takes what a stream carries until it ends. */
  consume(name: 'stdout' | 'stderr', stream: Readable): void {
    stream.on('data', (chunk: Buffer) => this.write(name, chunk));
    stream.on('error', () => undefined);
    stream.once('close', () => this.#flush(name));
  }

  write(name: 'stdout' | 'stderr', chunk: Buffer): void {
    const rest = this.#rests.get(name);
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    const time = new Date(this.#now()).toISOString();
    const parts: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      const newline = bytes.indexOf(10, at);
      const end = newline < 0 ? bytes.length : newline;
      if (end - at > LONGEST_LINE) {
        parts.push(Buffer.from(`${time} ${name} P `), bytes.subarray(at, at + LONGEST_LINE), NEWLINE);
        at += LONGEST_LINE;
      } else if (newline < 0) break;
      else {
        parts.push(Buffer.from(`${time} ${name} F `), bytes.subarray(at, end), NEWLINE);
        at = end + 1;
      }
    }
    if (at < bytes.length) this.#rests.set(name, Buffer.from(bytes.subarray(at)));
    else this.#rests.delete(name);
    if (parts.length > 0) this.#append(Buffer.concat(parts));
  }

  /** Nothing is written after this. */
  end(): void {
    if (this.#fd === undefined) return;
    this.#flush('stdout');
    this.#flush('stderr');
    closeSync(this.#fd);
    this.#fd = undefined;
    this.emit('end');
  }

  /** A last line without a newline. */
  #flush(name: 'stdout' | 'stderr'): void {
    if (this.#rests.has(name)) this.write(name, NEWLINE);
  }

  #append(bytes: Buffer): void {
    if (this.#fd === undefined) return;
    try {
      if (this.#size > 0 && this.#size + bytes.length > this.#limit) this.#rotate();
      writeSync(this.#fd, bytes);
    } catch (error) {
      // A full disk costs the pod its log lines, not its life; said once a file.
      if (this.#failed === undefined) this.emit('failed', (this.#failed = error as Error));
      return;
    }
    this.#size += bytes.length;
    this.emit('change');
  }

  #rotate(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    renameSync(this.path, `${this.path}.1`);
    this.#fd = openSync(this.path, 'a', 0o640);
    this.#size = 0;
    this.#rotations++;
  }
}

const NEWLINE = Buffer.from('\n');

export function removeLog(path: string): void {
  rmSync(path, { force: true });
  rmSync(`${path}.1`, { force: true });
}

/** Reads a container's log back: tail, since, limit, follow. */
import { closeSync, openSync, readSync, fstatSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { LogOptions } from '../../../kube/pod-streams.ts';
import type { LogFile } from './log-file.ts';

export interface LogLine {
  /** RFC 3339. */
  readonly time: string;
  readonly stream: string;
  /** With its newline unless the line goes on. */
  readonly text: Buffer;
}

export interface ReadOptions extends LogOptions {
  /** Milliseconds since the epoch, for `sinceSeconds`. */
  readonly now: number;
}

const BLOCK = 64 * 1024;

/** @param live the file while it is being written, to follow */
export function readLog(path: string, live: LogFile | undefined, options: ReadOptions, signal: AbortSignal): Readable {
  return Readable.from(chunks(path, live, options, signal), { objectMode: false });
}

async function* chunks(path: string, live: LogFile | undefined, options: ReadOptions, signal: AbortSignal) {
  const since = sinceOf(options);
  let left = options.limitBytes ?? Infinity;
  const files = openFiles(path);
  let rotations = live?.rotations ?? 0;
  try {
    let starts = tailStarts(files, options.tailLines);
    for (;;) {
      for (const [index, file] of files.entries()) {
        for (const block of blocks(file, starts[index] ?? 0)) {
          for (const line of block) {
            if (Date.parse(line.time) < since) continue;
            const text =
              options.timestamps === true ? Buffer.concat([Buffer.from(`${line.time} `), line.text]) : line.text;
            const piece = text.length > left ? text.subarray(0, left) : text;
            left -= piece.length;
            if (piece.length > 0) yield piece;
            if (left <= 0 || signal.aborted) return;
          }
        }
      }
      if (options.follow !== true || live === undefined) return;
      const current = files.at(-1);
      if (live.rotations !== rotations) {
        // What was read to its end is `.1` now; go on at the start of the new one.
        rotations = live.rotations;
        for (const file of files.splice(0)) closeSync(file.fd);
        files.push(...openFiles(path).slice(-1));
        starts = [0];
        continue;
      }
      starts = files.map((file) => file.read);
      if (current !== undefined && fstatSync(current.fd).size > current.read) continue;
      if (live.ended) return;
      await nextChange(live, signal);
      if (signal.aborted) return;
    }
  } finally {
    for (const file of files) closeSync(file.fd);
  }
}

interface OpenFile {
  readonly fd: number;
  /** Offset of the first byte not yet given out. */
  read: number;
}

function openFiles(path: string): OpenFile[] {
  return [`${path}.1`, path].flatMap((name) => {
    try {
      return [{ fd: openSync(name, 'r'), read: 0 }];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

/** Whole lines, a block at a time. */
function* blocks(file: OpenFile, start: number): Generator<LogLine[]> {
  let rest = Buffer.alloc(0);
  file.read = start;
  for (;;) {
    const block = Buffer.alloc(BLOCK);
    const size = readSync(file.fd, block, 0, BLOCK, file.read + rest.length);
    if (size === 0) return;
    const bytes = rest.length === 0 ? block.subarray(0, size) : Buffer.concat([rest, block.subarray(0, size)]);
    const end = bytes.lastIndexOf(10) + 1;
    file.read += end;
    rest = bytes.subarray(end);
    yield parseLines(bytes.subarray(0, end));
  }
}

export function parseLines(bytes: Buffer): LogLine[] {
  const lines: LogLine[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    if (end < 0) break;
    const first = bytes.indexOf(32, at);
    const second = bytes.indexOf(32, first + 1);
    if (first > 0 && second > 0 && second + 2 < end + 1) {
      const partial = bytes[second + 1] === 80;
      lines.push({
        time: bytes.toString('latin1', at, first),
        stream: bytes.toString('latin1', first + 1, second),
        text: bytes.subarray(second + 3, partial ? end : end + 1),
      });
    }
    at = end + 1;
  }
  return lines;
}

/** Where in each file to begin so that `count` lines are left. */
function tailStarts(files: readonly OpenFile[], count: number | undefined): number[] {
  if (count === undefined || count < 0) return files.map(() => 0);
  const starts = files.map((file) => fstatSync(file.fd).size);
  let left = count;
  for (let index = files.length - 1; index >= 0 && left > 0; index--) {
    const file = files[index] as OpenFile;
    let end = starts[index] ?? 0;
    // The newline that ends the last line begins no other.
    let position = end - 1;
    while (position > 0 && left > 0) {
      const from = Math.max(0, position - BLOCK);
      const block = Buffer.alloc(position - from);
      readSync(file.fd, block, 0, block.length, from);
      for (let at = block.length - 1; at >= 0 && left > 0; at--)
        if (block[at] === 10) {
          left--;
          end = from + at + 1;
        }
      position = from;
    }
    if (left > 0 && (starts[index] ?? 0) > 0) {
      left--;
      end = 0;
    }
    starts[index] = end;
  }
  return starts;
}

function sinceOf(options: ReadOptions): number {
  if (options.sinceTime !== undefined) return Date.parse(options.sinceTime);
  return options.sinceSeconds === undefined ? -Infinity : options.now - options.sinceSeconds * 1000;
}

function nextChange(live: LogFile, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      live.off('change', done);
      live.off('end', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    live.on('change', done);
    live.on('end', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** The end of a log as a termination message: at most `lines` lines and `bytes` bytes. */
export function tailText(path: string, lines: number, bytes: number): string {
  const files = openFiles(path);
  try {
    const starts = tailStarts(files, lines);
    const text = Buffer.concat(
      files.flatMap((file, index) => [...blocks(file, starts[index] ?? 0)].flat().map((line) => line.text)),
    );
    return text.subarray(Math.max(0, text.length - bytes)).toString('utf8');
  } finally {
    for (const file of files) closeSync(file.fd);
  }
}

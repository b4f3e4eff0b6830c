/**
 * Frames: how records lie in the files of the store. See docs/formats/api-store.md.
 *   4 bytes  magic `ZAF1`
 *   4 bytes  payload length, big endian
 *   4 bytes  CRC-32 (IEEE) of the payload
 *   payload  JSON texts, each ended by a newline
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from '../../../kube/crc32.ts';

export const MAGIC = Buffer.from('ZAF1');
export const HEADER_BYTES = 12;
/** No frame is written larger than this; a larger length is damage. */
export const LARGEST_FRAME = 64 * 1024 * 1024;

export function encodeFrame(lines: readonly string[]): Buffer {
  const text = lines.join('\n') + '\n';
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  MAGIC.copy(frame, 0);
  frame.writeUInt32BE(length, 4);
  frame.write(text, HEADER_BYTES);
  frame.writeUInt32BE(crc32(frame.subarray(HEADER_BYTES)), 8);
  return frame;
}

/** What a file holds up to its end or its first damage. */
export interface Extent {
  /** Bytes of whole frames from the start. */
  readonly good: number;
  readonly size: number;
  /** A whole frame lies beyond the damage: this is no torn tail. */
  readonly soundBeyond: boolean;
}

/** Calls back with each frame's lines; stops at the first frame that is not whole. Reads with a bounded buffer. */
export function readFrames(path: string, onFrame: (lines: string[]) => void): Extent {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const window = new Window(file, size);
    let at = 0;
    for (;;) {
      const payload = payloadAt(window, at, size);
      if (payload === undefined) break;
      onFrame(payload.toString('utf8', 0, payload.length - 1).split('\n'));
      at += HEADER_BYTES + payload.length;
    }
    return { good: at, size, soundBeyond: at < size && hasFrameAfter(window, at + 1, size) };
  } finally {
    closeSync(file);
  }
}

function payloadAt(window: Window, at: number, size: number): Buffer | undefined {
  if (at + HEADER_BYTES > size) return undefined;
  const header = window.read(at, HEADER_BYTES);
  if (header.compare(MAGIC, 0, 4, 0, 4) !== 0) return undefined;
  const length = header.readUInt32BE(4);
  const sum = header.readUInt32BE(8);
  if (length === 0 || length > LARGEST_FRAME || at + HEADER_BYTES + length > size) return undefined;
  const payload = window.read(at + HEADER_BYTES, length);
  return crc32(payload) === sum ? payload : undefined;
}

function hasFrameAfter(window: Window, from: number, size: number): boolean {
  const STEP = 1024 * 1024;
  for (let at = from; at + HEADER_BYTES <= size; at += STEP) {
    const piece = Buffer.from(window.read(at, Math.min(STEP + MAGIC.length - 1, size - at)));
    for (let found = piece.indexOf(MAGIC); found >= 0; found = piece.indexOf(MAGIC, found + 1)) {
      if (payloadAt(window, at + found, size) !== undefined) return true;
    }
  }
  return false;
}

/** A file seen through one buffer. What `read` returns is valid until the next call. */
class Window {
  readonly #file: number;
  readonly #size: number;
  #buffer = Buffer.alloc(256 * 1024);
  #start = 0;
  #end = 0;

  constructor(file: number, size: number) {
    this.#file = file;
    this.#size = size;
  }

  read(at: number, length: number): Buffer {
    if (at < this.#start || at + length > this.#end) this.#fill(at, length);
    return this.#buffer.subarray(at - this.#start, at - this.#start + length);
  }

  #fill(at: number, length: number): void {
    if (length > this.#buffer.length) this.#buffer = Buffer.alloc(length);
    const wanted = Math.min(this.#buffer.length, this.#size - at);
    let got = 0;
    while (got < wanted) {
      const bytes = readSync(this.#file, this.#buffer, got, wanted - got, at + got);
      if (bytes === 0) break;
      got += bytes;
    }
    if (got < length) throw new Error('the file became shorter while it was read');
    this.#start = at;
    this.#end = at + got;
  }
}

/** Walks the frames of a segment file in pieces, so that a segment never has to fit in memory. */
import type { LogRecord } from '../log.ts';
import type { OpenFile } from './files.ts';
import { decodeHeader, decodeRecords, findHeader, FRAME_HEADER, type FrameHeader } from './format.ts';

const CHUNK = 256 * 1024;

export interface Frame {
  readonly header: FrameHeader;
  readonly position: number;
  /** Where the next frame begins. */
  readonly next: number;
}

export class FrameReader {
  readonly #file: OpenFile;
  readonly #size: number;
  #window = Buffer.alloc(0);
  #from = 0;

  /** @param size bytes of the file that count */
  constructor(file: OpenFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** The frame at a position by its header alone, undefined when no valid header stands there. */
  async header(position: number): Promise<Frame | undefined> {
    const bytes = await this.#bytes(position, FRAME_HEADER);
    const header = bytes === undefined ? undefined : decodeHeader(bytes, 0);
    if (header === undefined) return undefined;
    return { header, position, next: position + FRAME_HEADER + header.length };
  }

  /** The checked records of a frame, undefined when it is cut short or damaged. */
  async records(frame: Frame): Promise<LogRecord[] | undefined> {
    const body = await this.#bytes(frame.position + FRAME_HEADER, frame.header.length);
    return body === undefined ? undefined : decodeRecords(frame.header, body);
  }

  /** The first valid frame header at or behind a position whose records come at or behind `offset`. */
  async findFrame(position: number, offset: number): Promise<Frame | undefined> {
    let from = position;
    while (from + FRAME_HEADER <= this.#size) {
      const bytes = await this.#bytes(from, Math.min(CHUNK, this.#size - from));
      if (bytes === undefined) return undefined;
      const at = findHeader(bytes, 0);
      if (at >= 0) {
        const frame = await this.header(from + at);
        if (frame !== undefined && frame.header.firstOffset >= offset) return frame;
        from += at + 1;
      } else from += Math.max(1, bytes.length - FRAME_HEADER + 1);
    }
    return undefined;
  }

  /** Are all bytes from a position on zero? */
  async isZero(position: number): Promise<boolean> {
    for (let from = position; from < this.#size; from += CHUNK) {
      const bytes = await this.#bytes(from, Math.min(CHUNK, this.#size - from));
      if (bytes === undefined || bytes.some((byte) => byte !== 0)) return false;
    }
    return true;
  }

  /** A view of the file, undefined when it does not reach that far. Views stay valid: windows are never reused. */
  async #bytes(position: number, length: number): Promise<Buffer | undefined> {
    if (position + length > this.#size) return undefined;
    if (position < this.#from || position + length > this.#from + this.#window.length) {
      const window = Buffer.allocUnsafe(Math.min(Math.max(length, CHUNK), this.#size - position));
      const read = await this.#file.read(window, position);
      this.#window = window.subarray(0, read);
      this.#from = position;
      if (read < length) return undefined;
    }
    const start = position - this.#from;
    return this.#window.subarray(start, start + length);
  }
}

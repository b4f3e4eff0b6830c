/** Newline-delimited JSON from chunks of bytes, as a Kubernetes watch streams it. Holds at most one partial line. */
import { TransportError } from './errors.ts';

const NEWLINE = 0x0a;

export class JsonLines {
  readonly #limit: number;
  readonly #take: (value: unknown) => void;
  #partial: Buffer[] = [];
  #length = 0;

  /**
   * @param limit longest line, bytes without its newline
   * @param take  called with each parsed line, in order; blank lines are skipped
   */
  constructor(limit: number, take: (value: unknown) => void) {
    this.#limit = limit;
    this.#take = take;
  }

  /** @throws TransportError for a line that is too long or not JSON; nothing may be written after that */
  write(chunk: Buffer): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#hold(chunk.subarray(start, end));
      start = end + 1;
      this.#flush();
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
  }

  /** The stream is over: a last line may lack its newline. @throws as `write` */
  end(): void {
    this.#flush();
  }

  #hold(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#limit) {
      throw new TransportError('TOO_LARGE', `a line of the stream is longer than ${this.#limit} bytes`);
    }
    this.#partial.push(part);
  }

  #flush(): void {
    const [first] = this.#partial;
    if (first === undefined) return;
    const line = (this.#partial.length === 1 ? first : Buffer.concat(this.#partial)).toString('utf8');
    this.#partial = [];
    this.#length = 0;
    if (line.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new TransportError('MALFORMED', 'a line of the stream is not JSON');
    }
    this.#take(value);
  }
}

/** The newest records in memory, so that subscribers who keep up never read the disk. Bounded in bytes. */
import type { LogRecord, ReadLimit } from '../log.ts';

export class Tail {
  readonly #capacity: number;
  #records: LogRecord[] = [];
  #head = 0;
  #bytes = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Records come in the order of their offsets, without gaps. */
  push(record: LogRecord): void {
    this.#records.push(record);
    this.#bytes += record.payload.length;
    while (this.#bytes > this.#capacity && this.#head < this.#records.length - 1) this.#dropOldest();
    this.#compact();
  }

  /** Forgets records below an offset: nobody is going to ask for them soon. */
  trim(offset: number): void {
    while (this.#head < this.#records.length && (this.#records[this.#head]?.offset ?? 0) < offset) this.#dropOldest();
    this.#compact();
  }

  /** Undefined when the record is not held. */
  read(from: number, limit: ReadLimit): LogRecord[] | undefined {
    const first = this.#records[this.#head];
    if (first === undefined || from < first.offset) return undefined;
    const found: LogRecord[] = [];
    let bytes = 0;
    for (let i = this.#head + from - first.offset; i < this.#records.length; i++) {
      const record = this.#records[i];
      if (record === undefined || found.length >= limit.records) break;
      if (found.length > 0 && bytes + record.payload.length > limit.bytes) break;
      found.push(record);
      bytes += record.payload.length;
    }
    return found.length === 0 ? undefined : found;
  }

  #dropOldest(): void {
    this.#bytes -= this.#records[this.#head]?.payload.length ?? 0;
    this.#head++;
  }

  #compact(): void {
    if (this.#head === this.#records.length) {
      this.#records = [];
      this.#head = 0;
    } else if (this.#head > 1_024 && this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
  }
}

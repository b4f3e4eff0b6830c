/**
 * What the broker needs of a durable log: append, read from an offset, and a cursor per subscriber. `file/` keeps it on
 * the local disk; other backends come behind the same interface.
 */

export interface LogRecord {
  readonly offset: number;
  readonly payload: Buffer;
}

export interface ReadLimit {
  readonly records: number;
  /** Bytes of payload; the first record is returned whatever its size. */
  readonly bytes: number;
}

/** A record that was looked at and is still owed to the subscriber. */
export interface PendingRecord {
  readonly offset: number;
  /** Failed attempts so far. */
  readonly failures: number;
  /** Milliseconds since the epoch when the next attempt is due. */
  readonly due: number;
}

export interface CursorState {
  /** The first record not looked at yet. */
  readonly next: number;
  readonly pending: readonly PendingRecord[];
}

/** One subscriber's place in the log. Records it has passed may be deleted. */
export interface Cursor {
  /** As last saved. */
  readonly state: CursorState;
  /** Remembers the place; a crash may fall back to an earlier one, never to a later one. Rejects on I/O failure. */
  save(state: CursorState): Promise<void>;
}

export interface EventLog {
  /** Offset of the oldest record held. */
  readonly start: number;
  /** Offset that the next record will get; all before it are durable. */
  readonly end: number;
  /** Bytes held on the disk. */
  readonly size: number;
  /**
   * Appends all payloads, or none; resolves with the first one's offset once they are durable.
   * Rejects with BrokerError `LogFull`, `LogFailed` or `LogClosed`.
   */
  append(payloads: readonly Buffer[]): Promise<number>;
  /**
   * Records from an offset on (from `start` when that is later); empty at the end.
   * Rejects with BrokerError `LogCorrupt` that names the place.
   */
  read(from: number, limit: ReadLimit): Promise<readonly LogRecord[]>;
  /** Calls back after each append has become durable; returns the unsubscription. */
  onAppend(listener: () => void): () => void;
  /** The cursor of a subscriber; a new one starts at the end and is durable once this resolves. */
  cursor(subscriber: string): Promise<Cursor>;
  /** Subscribers that have a cursor. */
  subscribers(): readonly string[];
  /** Forgets a subscriber: nothing is owed to it any more. */
  removeCursor(subscriber: string): Promise<void>;
  /** Waits for the appends under way, then closes. */
  close(): Promise<void>;
}

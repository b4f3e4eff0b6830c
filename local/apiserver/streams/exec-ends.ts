/** An upgrade to streams of a pod, and the client's ends of a command's streams whatever carries them. */
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Pod } from '../../../api/core.ts';
import type { Status } from '../../../kube/errors.ts';
import type { Logger } from '../../../kube/log.ts';
import type { PodStreams } from '../../../kube/pod-streams.ts';
import { isObject } from '../json.ts';

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly pod: Pod;
  readonly streams: PodStreams;
  readonly parameters: URLSearchParams;
  readonly log: Logger;
}

/** Which streams the client asked for. */
export interface Wanted {
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Never with a terminal: that has one output. */
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** The client's ends of the streams. */
export interface Ends {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  readonly onResize: ((resize: (columns: number, rows: number) => void) => void) | undefined;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** Sends how it ended, once the outputs are through. */
  finish(status: Status): void;
}

/** A message of the resize stream. */
function sizeIn(content: Buffer): [columns: number, rows: number] | undefined {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    if (isObject(value) && typeof value.Width === 'number' && typeof value.Height === 'number')
      return [value.Width, value.Height];
  } catch {
    // Not a size: the terminal keeps the one it has.
  }
  return undefined;
}

/** Remembers the last size until somebody asks, then passes on each one. */
export class Resizer {
  #resize: ((columns: number, rows: number) => void) | undefined;
  #size: [columns: number, rows: number] | undefined;

  take(content: Buffer): void {
    this.#size = sizeIn(content) ?? this.#size;
    if (this.#size !== undefined) this.#resize?.(...this.#size);
  }

  readonly onResize = (resize: (columns: number, rows: number) => void): void => {
    this.#resize = resize;
    if (this.#size !== undefined) resize(...this.#size);
  };
}

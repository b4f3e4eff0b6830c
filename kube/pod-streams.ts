/** What an API server needs of a kubelet: a pod's logs, exec and port-forward. Implemented by local/node. */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Pod } from '../api/core.ts';

export interface LogOptions {
  readonly container?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  readonly sinceSeconds?: number;
  readonly sinceTime?: string;
  readonly timestamps?: boolean;
}

export interface ExecSession {
  readonly container?: string;
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Terminal sizes as the client reports them. */
  readonly onResize?: (resize: (columns: number, rows: number) => void) => void;
  readonly signal: AbortSignal;
}

export interface PodStreams {
  /** Throws `ApiError` (400 BadRequest) for a container that does not exist or has not started. */
  logs(pod: Pod, options: LogOptions, signal: AbortSignal): Promise<Readable>;
  /** Resolves with the exit code. Throws `ApiError` when the command cannot start. */
  exec(pod: Pod, session: ExecSession): Promise<number>;
  /** A connection to a port of the pod. */
  connect(pod: Pod, port: number): Promise<Duplex>;
}

/**
 * What the node agent asks of a way to run containers. `process/` runs them as host processes; others (OCI images,
 * isolates) fit behind the same interface and are chosen by `runtimeClassName`.
 */
import type { Readable, Writable } from 'node:stream';
import type { FileSet } from '../volume/atomic-folder.ts';

export interface Mount {
  /** Absolute path on the host. */
  readonly source: string;
  /** Absolute path as the container sees it. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** A network of the container's own: its ports collide with nobody's, and only what is named here leads in or out. */
export interface OwnNetwork {
  /** Addresses of the host that lead to a port inside. */
  readonly listen: readonly { readonly host: string; readonly port: number; readonly to: number }[];
  /** Ports that, on any loopback address, lead from inside to the same address of the host. */
  readonly outward: readonly number[];
}

export interface ContainerSpec {
  readonly podUid: string;
  readonly name: string;
  /** Program and arguments; the program is looked up in the environment's PATH. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The unpacked image, seen by the program as it stands in the store; writes go to a layer of the container. */
  readonly imageFolder: string | undefined;
  /** Absolute; the image's folder when undefined. */
  readonly workingDir: string | undefined;
  readonly mounts: readonly Mount[];
  /** A folder of this container's own that the runtime may fill; exists. */
  readonly scratch: string;
  /** The container's /etc/hosts at its start. */
  readonly hosts: string;
  readonly hostname: string;
  readonly identity?: Identity;
  readonly network?: OwnNetwork;
  /** Bytes. */
  readonly memoryLimit?: number;
  /** What it finds at the usual path of a service account. */
  readonly account?: FileSet;
  /** Absolute path, inside, of the file for its last words. */
  readonly terminationLog?: string;
}

export interface Exit {
  /** The exit status; 128 + n when signal n ended it. */
  readonly code: number;
  readonly signal?: number;
  readonly oomKilled?: boolean;
  /** The end of what it left in its termination log. */
  readonly lastWords?: string;
  /** Set when the program could not be started at all. */
  readonly startError?: string;
}

/** A listening TCP socket: `address` is IPv4 text, `0.0.0.0` for every address. */
export interface Listener {
  readonly address: string;
  readonly port: number;
}

export interface CommandOptions {
  readonly tty?: boolean;
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Called once with what sets the size of the terminal. */
  readonly onResize?: (resize: (columns: number, rows: number) => void) => void;
  readonly signal: AbortSignal;
}

/** What a container has used since its start, and holds now. */
export interface ContainerCounters {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

export interface RunningContainer {
  /** The program as the host numbers it; undefined until it has started or when it is gone. */
  pid(): number | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles once, after its output has been read to the end (or 100 ms later). */
  readonly exited: Promise<Exit>;
  /** SIGTERM, with the effect it has on a program that is not process 1. */
  terminate(): void;
  /** SIGKILL to everything it started. */
  kill(): void;
  /** Where its processes listen now. */
  listeners(): Listener[];
  /** Connections open at its listening sockets. */
  connections(): number;
  /** Undefined when it has ended. */
  counters(): Promise<ContainerCounters | undefined>;
  setHosts(text: string): void;
  setAccount(files: FileSet): void;
  /** Runs another program inside; resolves with its exit status. Rejects when it cannot start. */
  command(argv: readonly string[], options: CommandOptions): Promise<number>;
}

export interface PodRuntime {
  readonly name: string;
  /** One line for each thing this machine does not permit. */
  readonly limits: readonly string[];
  /** Mounts appear at their own paths and /etc/hosts is the container's own. */
  readonly ownMounts: boolean;
  /** /dev and /run are the container's own: accounts and last words have their places. */
  readonly ownFolders: boolean;
  /** `ContainerSpec.network` can be asked for. */
  readonly ownNetworks: boolean;
  /** Does anything on this machine listen on the port? */
  portInUse(port: number): boolean;
  /** Rejects when the program cannot be started; a program that starts and fails settles `exited`. */
  start(spec: ContainerSpec): Promise<RunningContainer>;
  /** Kills what is left. */
  stop(): Promise<void>;
}

/** What is known of one container; pod-status.ts turns it into a status. */

export interface Termination {
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason: string;
  readonly message?: string;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly finishedAt: number;
  readonly containerID?: string;
}

export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly kind: 'running'; readonly startedAt: number }
  | ({ readonly kind: 'terminated' } & Termination);

export interface ContainerRecord {
  readonly name: string;
  readonly image: string;
  readonly imageID: string;
  readonly containerID?: string;
  readonly state: ContainerState;
  readonly last?: Termination;
  readonly restartCount: number;
  readonly started: boolean;
  readonly ready: boolean;
}

export function waitingRecord(name: string, image: string, reason: string): ContainerRecord {
  return {
    name,
    image,
    imageID: '',
    state: { kind: 'waiting', reason },
    restartCount: 0,
    started: false,
    ready: false,
  };
}

/** What the loops of one pod need of the agent. */
import type { Container, Pod } from '../../../api/core.ts';
import type { Clock } from '../../../kube/clock.ts';
import type { EventType } from '../../../kube/events.ts';
import type { Logger } from '../../../kube/log.ts';
import type { ImageStore } from '../image-store.ts';
import type { NodeMetrics } from '../metrics.ts';
import type { PortPool } from '../ports.ts';
import type { FileSet } from '../volume/atomic-folder.ts';
import type { Mount, PodRuntime } from '../runtime/runtime.ts';
import type { EnvironmentSources } from './environment.ts';

/** The agent's side: the same for all pods. */
export interface Machine {
  readonly runtime: PodRuntime;
  readonly images: ImageStore;
  readonly ports: PortPool;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: NodeMetrics;
  /** Of the host, for programs that are looked up. */
  readonly path: string;
  readonly home: string;
  /** Images, each with a port, whose programs have been seen to listen there whatever PORT says. */
  readonly stubborn: Set<string>;
}

/** The pod's side. */
export interface PodContext {
  readonly machine: Machine;
  /** As last seen; changes while the pod runs. */
  pod(): Pod;
  readonly uid: string;
  /** The pod's own folder on the host. */
  readonly folder: string;
  readonly hostname: string;
  readonly address: () => string;
  readonly setAddress: (address: string) => void;
  hosts(): string;
  environment(): EnvironmentSources;
  /** Ports that a container in a network of its own is to reach outside. */
  outwardPorts(): number[];
  /** What its service account has for it, now. */
  account(): FileSet | undefined;
  mounts(container: Container): Mount[];
  /** Declared → real. */
  readonly portMap: Map<number, number>;
  readonly portsChanged: () => void;
  /** Something of the status changed: write it now, or soon unless something better comes. */
  readonly changed: (when: 'now' | 'soon') => void;
  readonly event: (type: EventType, reason: string, message: string) => void;
  /** Milliseconds the pod gives its containers to end. */
  grace(): number;
}

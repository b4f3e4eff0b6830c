/** What an API server needs of a kubelet to answer for `metrics.k8s.io`: how much pods and the node use. Implemented by local/node. */

/** Processor time in cores, memory in bytes. */
export interface Usage {
  readonly cpu: number;
  readonly memory: number;
}

export interface Measured {
  /** End of the time it was measured over, ms since the epoch. */
  readonly at: number;
  /** Length of that time, ms. */
  readonly window: number;
}

export interface PodUsage extends Measured {
  readonly uid: string;
  readonly containers: readonly (Usage & { readonly name: string })[];
}

export interface NodeUsage extends Measured, Usage {
  readonly name: string;
}

export interface ResourceUsage {
  /** Of the pods whose containers run now. Takes a fraction of a second when nobody has asked for a while. */
  podUsage(): Promise<readonly PodUsage[]>;
  nodeUsage(): Promise<NodeUsage>;
}

/** A Deployment's ReplicaSets as a plan changes them: what was seen, what is wished, and what must be written. */
import type { ReplicaSet } from '../../../api/core.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { replicaAnnotations } from './revisions.ts';
import type { RolloutSpec } from './rollout-spec.ts';

export interface ReplicaSetChange {
  readonly before: ReplicaSet;
  readonly after: ReplicaSet;
}

export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export class Draft {
  readonly events: PlannedEvent[] = [];
  readonly #spec: RolloutSpec;
  readonly #before = new Map<string, ReplicaSet>();
  readonly #after = new Map<string, ReplicaSet>();
  #created: ReplicaSet | undefined;

  constructor(sets: readonly ReplicaSet[], spec: RolloutSpec) {
    this.#spec = spec;
    for (const set of sets) {
      this.#before.set(set.metadata.name, set);
      this.#after.set(set.metadata.name, set);
    }
  }

  get created(): ReplicaSet | undefined {
    return this.#created;
  }

  /** As they will be, the created one among them. */
  get sets(): ReplicaSet[] {
    return [...this.#after.values()];
  }

  get changes(): ReplicaSetChange[] {
    return [...this.#before.values()].flatMap((before) => {
      const after = this.#after.get(before.metadata.name);
      return after === undefined || deepEqual(before, after) ? [] : [{ before, after }];
    });
  }

  /** Whether any ReplicaSet's size changes. */
  get scales(): boolean {
    return this.changes.some(({ before, after }) => before.spec?.replicas !== after.spec?.replicas);
  }

  now(set: ReplicaSet): ReplicaSet {
    return this.#after.get(set.metadata.name) ?? set;
  }

  create(set: ReplicaSet): ReplicaSet {
    this.#created = set;
    this.#after.set(set.metadata.name, set);
    this.#scaled(set, 0, replicasOf(set));
    return set;
  }

  annotate(set: ReplicaSet, annotations: Record<string, string>): void {
    const now = this.now(set);
    const minReadySeconds = this.#spec.minReadySeconds === 0 ? undefined : this.#spec.minReadySeconds;
    this.#after.set(set.metadata.name, {
      ...now,
      metadata: { ...now.metadata, annotations },
      ...(now.spec === undefined ? {} : { spec: { ...now.spec, minReadySeconds } }),
    });
  }

  /** Also records on the ReplicaSet which size of the Deployment it was scaled for. */
  scale(set: ReplicaSet, replicas: number): void {
    const now = this.now(set);
    if (now.spec === undefined) return;
    const from = replicasOf(now);
    this.#after.set(set.metadata.name, {
      ...now,
      metadata: { ...now.metadata, annotations: { ...now.metadata.annotations, ...replicaAnnotations(this.#spec) } },
      spec: { ...now.spec, replicas },
    });
    if (from !== replicas) this.#scaled(set, from, replicas);
  }

  #scaled(set: ReplicaSet, from: number, to: number): void {
    if (from === to) return;
    const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`;
    this.events.push({ type: 'Normal', reason: 'ScalingReplicaSet', message });
  }
}

export function replicasOf(set: ReplicaSet): number {
  return set.spec?.replicas ?? 1;
}

export function sumReplicas(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + replicasOf(set), 0);
}

export function sumAvailable(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);
}

/**
 * Knative's condition sets: `Ready` summarises its dependents.
 * Source: knative.dev/pkg apis.ConditionSet (behaviour; reference section 1.3).
 */
import type { Condition, DuckStatus } from '../api/object.ts';

export class Conditions {
  readonly #happy: string;
  readonly #dependents: readonly string[];
  readonly #before: ReadonlyMap<string, Condition>;
  readonly #now: string;
  readonly #conditions: Map<string, Condition>;

  /**
   * Starts from the conditions of an observed status; missing ones become Unknown.
   * @param now RFC 3339 in seconds, the transition time of whatever changes
   */
  constructor(dependents: readonly string[], observed: readonly Condition[] | undefined, now: string, happy = 'Ready') {
    this.#happy = happy;
    this.#dependents = dependents;
    this.#now = now;
    this.#before = new Map((observed ?? []).map((condition) => [condition.type, condition]));
    this.#conditions = new Map(this.#before);
    const ready = this.#conditions.get(happy);
    if (ready === undefined) this.#set(happy, 'Unknown');
    for (const type of dependents) {
      if (!this.#conditions.has(type)) this.#set(type, ready?.status === 'True' ? 'True' : 'Unknown');
    }
  }

  get(type: string): Condition | undefined {
    return this.#conditions.get(type);
  }

  isTrue(type: string): boolean {
    return this.get(type)?.status === 'True';
  }

  isFalse(type: string): boolean {
    return this.get(type)?.status === 'False';
  }

  isUnknown(type: string): boolean {
    const status = this.get(type)?.status;
    return status === undefined || status === 'Unknown';
  }

  markTrue(type: string, reason?: string, message?: string): this {
    this.#set(type, 'True', reason, message);
    this.#recomputeHappiness();
    return this;
  }

  markUnknown(type: string, reason?: string, message?: string): this {
    this.#set(type, 'Unknown', reason, message);
    if (!this.#counts(type)) return this;
    const failed = this.#dependents.some((dependent) => this.isFalse(dependent));
    if (!failed) this.#set(this.#happy, 'Unknown', reason, message);
    else if (!this.isFalse(this.#happy)) this.#recomputeHappiness();
    return this;
  }

  markFalse(type: string, reason?: string, message?: string): this {
    this.#set(type, 'False', reason, message);
    if (this.#counts(type)) this.#set(this.#happy, 'False', reason, message);
    return this;
  }

  clear(type: string): this {
    this.#conditions.delete(type);
    return this;
  }

  /** Sorted by type, transition times kept where nothing else changed. */
  toList(): Condition[] {
    return [...this.#conditions.values()].sort((a, b) => (a.type < b.type ? -1 : 1));
  }

  #counts(type: string): boolean {
    return type === this.#happy || this.#dependents.includes(type);
  }

  #recomputeHappiness(): void {
    const unhappy = this.#dependents
      .map((type) => this.#conditions.get(type))
      .filter((condition) => condition !== undefined && condition.status !== 'True')
      .sort((a, b) => rank(a) - rank(b) || ((a?.lastTransitionTime ?? '') < (b?.lastTransitionTime ?? '') ? 1 : -1))[0];
    if (unhappy === undefined) this.#set(this.#happy, 'True');
    else this.#set(this.#happy, unhappy.status, unhappy.reason, unhappy.message);
  }

  #set(type: string, status: Condition['status'], reason?: string, message?: string): void {
    const next: Condition = { type, status };
    if (!this.#counts(type)) next.severity = 'Info';
    if (reason !== undefined && reason !== '') next.reason = reason;
    if (message !== undefined && message !== '') next.message = message;
    const before = this.#before.get(type);
    const same =
      before !== undefined &&
      before.status === status &&
      (before.reason ?? '') === (next.reason ?? '') &&
      (before.message ?? '') === (next.message ?? '') &&
      (before.severity ?? '') === (next.severity ?? '');
    next.lastTransitionTime = same && before.lastTransitionTime !== undefined ? before.lastTransitionTime : this.#now;
    this.#conditions.set(type, next);
  }
}

function rank(condition: Condition | undefined): number {
  return condition?.status === 'False' ? 0 : 1;
}

/** Ready as Knative's clients read it: the generation was observed and the condition says so. */
export function isReady(object: { metadata: { generation?: number }; status?: DuckStatus }, type = 'Ready'): boolean {
  return readiness(object, type) === 'True';
}

export function readiness(
  object: { metadata: { generation?: number }; status?: DuckStatus },
  type = 'Ready',
): Condition['status'] {
  if ((object.status?.observedGeneration ?? 0) !== (object.metadata.generation ?? 0)) return 'Unknown';
  return conditionOf(object.status, type)?.status ?? 'Unknown';
}

export function conditionOf(
  status: { conditions?: readonly Condition[] } | undefined,
  type: string,
): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

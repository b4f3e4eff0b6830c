/** What `zeroth why` finds out, as data. */

export type State = 'ok' | 'waiting' | 'failed';

/** One link of the chain from what was asked about to what is wrong. */
export interface Step {
  readonly kind: string;
  readonly name: string;
  readonly state: State;
  /** One word: the reason of a condition, or of a container's state. */
  readonly reason?: string;
  readonly text?: string;
  /** RFC 3339. */
  readonly since?: string;
  /** The last lines of its log. */
  readonly log?: readonly string[];
}

/** What to do, as a command to copy. */
export interface Command {
  readonly run: string;
  readonly why: string;
}

/** What was found out about one object, down to the cause. */
export interface Finding {
  readonly state: State;
  /** The object itself first, the cause last. */
  readonly steps: readonly Step[];
  /** A sentence that says what is wrong; absent when nothing is. */
  readonly cause?: string;
  readonly next: readonly Command[];
  /** What is worth knowing of one that is ready. */
  readonly facts: readonly Fact[];
  readonly warnings: readonly string[];
}

export interface Fact {
  readonly name: string;
  readonly text: string;
}

export interface Diagnosis extends Finding {
  readonly subject: { readonly kind: string; readonly namespace?: string; readonly name: string };
  readonly ready: boolean;
  /** RFC 3339: since when it is as it is. */
  readonly since?: string;
}

export function ok(step: Omit<Step, 'state'>, facts: readonly Fact[] = [], warnings: readonly string[] = []): Finding {
  return { state: 'ok', steps: [{ ...step, state: 'ok' }], next: [], facts, warnings };
}

/** The end of a chain. */
export function cause(step: Step, text: string, next: readonly Command[] = []): Finding {
  return { state: step.state, steps: [step], cause: text, next, facts: [], warnings: [] };
}

/** One link more above a finding: the state is the outer object's own. */
export function because(step: Step, inner: Finding, more: readonly Command[] = []): Finding {
  return { ...inner, state: step.state, steps: [step, ...inner.steps], next: [...inner.next, ...more], facts: [] };
}

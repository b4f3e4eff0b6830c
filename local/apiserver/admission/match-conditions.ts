/** `matchConditions`: CEL over the request. Source: Kubernetes "Matching requests: matchConditions". */
import { mayDo, type AccessRequest } from '../rbac.ts';
import type { CelEngine, CelProgram } from '../schema/cel.ts';
import type { Store } from '../store/store.ts';
import type { Attributes } from './attributes.ts';
import { admissionCel } from './cel.ts';
import type { Body } from '../body.ts';
import type { User } from '../user.ts';
import { messageOf } from '../../../kube/message.ts';

/** Who has conditions: a webhook or a policy, the same object as long as it is not changed. */
export interface Conditional {
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[];
}

export type ConditionOutcome =
  | { readonly type: 'match' }
  | { readonly type: 'skip' }
  /** One could not be evaluated and none was false. */
  | { readonly type: 'failed'; readonly message: string };

const MATCH: ConditionOutcome = { type: 'match' };
const SKIP: ConditionOutcome = { type: 'skip' };

export class MatchConditions {
  readonly #programs = new WeakMap<Conditional, readonly (CelProgram | Error)[]>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async evaluate(
    hook: Conditional,
    attributes: Attributes,
    object: Body | undefined,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<ConditionOutcome> {
    if (hook.matchConditions.length === 0) return MATCH;
    const engine = await admissionCel();
    const mayUser = (user: User, request: AccessRequest) => mayDo(this.#store, user, request).allowed;
    const variables = { ...engine.variables(attributes, object, mayUser), ...more };
    const failures: string[] = [];
    for (const [index, program] of this.#programsOf(hook, engine).entries()) {
      if (program instanceof Error) {
        failures.push(program.message);
        continue;
      }
      try {
        if (program(variables) === false) return SKIP;
      } catch (error) {
        const expression = hook.matchConditions[index]?.expression ?? '';
        failures.push(`expression '${expression}' resulted in error: ${reasonOf(error)}`);
      }
    }
    if (failures.length === 0) return MATCH;
    const [only = ''] = failures;
    return { type: 'failed', message: failures.length === 1 ? only : `[${failures.join(', ')}]` };
  }

  #programsOf(hook: Conditional, engine: Pick<CelEngine, 'compile'>): readonly (CelProgram | Error)[] {
    let programs = this.#programs.get(hook);
    if (programs === undefined) {
      programs = hook.matchConditions.map(({ name, expression }) => {
        try {
          return engine.compile(expression);
        } catch (error) {
          return new Error(`compilation of match condition ${JSON.stringify(name)} failed: ${reasonOf(error)}`);
        }
      });
      this.#programs.set(hook, programs);
    }
    return programs;
  }
}

/** Without the place in the expression, which the library draws in lines below. */
export function reasonOf(error: unknown): string {
  const [line = ''] = messageOf(error).split('\n', 1);
  return `${line.charAt(0).toLowerCase()}${line.slice(1)}`;
}

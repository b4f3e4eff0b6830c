/** The CEL engine of validation rules: `@marcbachmann/cel-js` with Kubernetes' own functions. */
import { Environment } from '@marcbachmann/cel-js';
import { addKubernetesLibrary } from './cel-library.ts';

export type CelProgram = (variables: Readonly<Record<string, unknown>>) => unknown;

export interface CelEngine {
  /** @throws when the expression does not parse */
  compile(expression: string): CelProgram;
  /** A CEL optional: of nothing when the value is undefined. */
  optional(value: unknown): unknown;
}

/** Expressions are bounded, so that a rule cannot keep the server busy. */
const LIMITS = { maxAstNodes: 10_000, maxDepth: 100 } as const;

/** @param extend adds functions and types of one use of CEL */
export function celEngine(extend?: (environment: Environment) => void): CelEngine {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: LIMITS,
  });
  addKubernetesLibrary(environment);
  extend?.(environment);
  const some = environment.parse('optional.of(value)');
  const none = environment.parse('optional.none()');
  return {
    compile(expression) {
      const program = environment.parse(expression);
      return (variables): unknown => program(variables);
    },
    optional: (value) => (value === undefined ? none() : some({ value })) as unknown,
  };
}

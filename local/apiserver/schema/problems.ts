/** Problems of an object's fields, and the 422 Status that lists them in Kubernetes' words. */
import { failure, type Status, type StatusCause } from '../../../kube/errors.ts';

export type ProblemType =
  | 'FieldValueInvalid'
  | 'FieldValueRequired'
  | 'FieldValueNotSupported'
  | 'FieldValueTypeInvalid'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueDuplicate'
  | 'FieldValueNotFound';

export interface FieldProblem {
  readonly type: ProblemType;
  /** Such as `spec.template.spec.containers[0].image`. */
  readonly field: string;
  readonly detail: string;
  readonly badValue?: unknown;
}

const TITLES: Readonly<Record<ProblemType, string>> = {
  FieldValueInvalid: 'Invalid value',
  FieldValueRequired: 'Required value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueTypeInvalid: 'Invalid value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueNotFound: 'Not found',
};
/** These say nothing of the value itself. */
const VALUELESS: ReadonlySet<ProblemType> = new Set(['FieldValueRequired', 'FieldValueForbidden', 'FieldValueTooLong']);

export const invalid = (field: string, badValue: unknown, detail: string): FieldProblem => ({
  type: 'FieldValueInvalid',
  field,
  detail,
  badValue: badValue ?? null,
});
export const typeInvalid = (field: string, badValue: unknown, detail: string): FieldProblem => ({
  type: 'FieldValueTypeInvalid',
  field,
  detail,
  badValue: badValue ?? null,
});
export const required = (field: string, detail = ''): FieldProblem => ({ type: 'FieldValueRequired', field, detail });
export const forbidden = (field: string, detail: string): FieldProblem => ({
  type: 'FieldValueForbidden',
  field,
  detail,
});
export const notSupported = (field: string, badValue: unknown, supported: readonly unknown[]): FieldProblem => ({
  type: 'FieldValueNotSupported',
  field,
  detail: supported.length === 0 ? '' : `supported values: ${supported.map((value) => quote(value)).join(', ')}`,
  badValue: badValue ?? null,
});
export const duplicate = (field: string, badValue: unknown): FieldProblem => ({
  type: 'FieldValueDuplicate',
  field,
  detail: '',
  badValue: badValue ?? null,
});
export const notFound = (field: string, badValue: unknown): FieldProblem => ({
  type: 'FieldValueNotFound',
  field,
  detail: '',
  badValue: badValue ?? null,
});
export const tooLong = (field: string, maximum: number): FieldProblem => ({
  type: 'FieldValueTooLong',
  field,
  detail: `may not be more than ${maximum} byte${maximum === 1 ? '' : 's'}`,
});
export const tooMany = (field: string, actual: number, maximum: number): FieldProblem => ({
  type: 'FieldValueTooMany',
  field,
  detail: `must have at most ${maximum} item${maximum === 1 ? '' : 's'}`,
  badValue: actual,
});

/** One problem as Kubernetes prints it, without its field. */
export function problemText(problem: FieldProblem): string {
  let text = TITLES[problem.type];
  if (!VALUELESS.has(problem.type) && problem.badValue !== undefined) text += `: ${quote(problem.badValue)}`;
  if (problem.detail !== '') text += `: ${problem.detail}`;
  return text;
}

/**
 * A 422 Status with reason Invalid and a cause for each problem.
 * @param group empty for the core group
 * @param name the object's name, or its generateName
 */
export function invalidStatus(kind: string, group: string, name: string, problems: readonly FieldProblem[]): Status {
  const texts = [...new Set(problems.map((problem) => `${problem.field}: ${problemText(problem)}`))];
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const qualified = group === '' ? kind : `${kind}.${group}`;
  const causes = problems.map((problem): StatusCause => ({
    reason: problem.type,
    message: problemText(problem),
    field: problem.field,
  }));
  const details = { name, ...(group === '' ? {} : { group }), kind, causes };
  return failure(422, 'Invalid', `${qualified} ${JSON.stringify(name)} is invalid: ${list}`, details);
}

function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null) return 'null';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

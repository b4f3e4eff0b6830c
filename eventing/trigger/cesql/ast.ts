/** The expressions of CESQL v1. Source: CloudEvents Expression Language 1.0, section 2. */

export type CesqlValue = string | number | boolean;
export type CesqlType = 'String' | 'Integer' | 'Boolean';

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type Arithmetic = '+' | '-' | '*' | '/' | '%';
export type Logic = 'AND' | 'OR' | 'XOR';

export type Expression =
  | { readonly kind: 'literal'; readonly value: CesqlValue }
  | { readonly kind: 'attribute'; readonly name: string }
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'negate'; readonly operand: Expression }
  | { readonly kind: 'exists'; readonly name: string }
  | { readonly kind: 'like'; readonly operand: Expression; readonly pattern: string; readonly negated: boolean }
  | {
      readonly kind: 'in';
      readonly operand: Expression;
      readonly set: readonly Expression[];
      readonly negated: boolean;
    }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'math'; readonly operator: Arithmetic; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'logic'; readonly operator: Logic; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] };

export type CesqlErrorKind =
  'parse' | 'math' | 'cast' | 'missingAttribute' | 'missingFunction' | 'functionEvaluation' | 'generic';

export class CesqlError extends Error {
  readonly kind: CesqlErrorKind;

  constructor(kind: CesqlErrorKind, message: string) {
    super(message);
    this.name = 'CesqlError';
    this.kind = kind;
  }
}

/** Structural schemas of custom resources: pruning, defaulting and validation compiled from one OpenAPI v3 schema. */
import { pruneMetadata } from '../builtin/decode.ts';
import { fillDefaults } from './defaults.ts';
import type { FieldProblem } from './problems.ts';
import { pruneNode } from './prune.ts';
import { ruleSetOf } from './rules.ts';
import { validateNode, type ValidationOptions } from './validate.ts';
import type { Schema } from './schema.ts';

export interface StructuralSchema {
  /** Set when the schema has CEL rules: resolves once `validate` can check them. Before that it throws a 503. */
  readonly ready?: Promise<void>;
  /** Drops unknown fields. Returns the same object when nothing is dropped. */
  prune<T extends object>(object: T): { readonly object: T; readonly unknown: string[] };
  /** Fills in defaults. Returns the same object when there are none to fill in. */
  defaults<T extends object>(object: T): T;
  /**
   * @param old the object before an update: enables transition rules
   * @returns empty when the object is valid
   */
  validate(object: object, old?: object): FieldProblem[];
}

/** @param schema the version's `openAPIV3Schema`; must have passed `validateCrd` */
export function compileSchema(schema: Schema): StructuralSchema {
  const options: ValidationOptions = { rules: ruleSetOf(schema) };
  return {
    ready: options.rules?.ready,
    prune(object) {
      const unknown: string[] = [];
      const pruned = pruneNode(object, schema, '', true, unknown);
      const { metadata: given } = pruned as { metadata?: unknown };
      const metadata = given === undefined ? undefined : pruneMetadata(given, unknown);
      return { object: metadata === given ? pruned : { ...pruned, metadata }, unknown };
    },
    defaults: (object) => fillDefaults(object, schema, true),
    validate: (object, old) => validateNode(object, old, schema, options),
  };
}

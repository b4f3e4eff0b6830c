/** What strategic merge patch and server-side apply must know of one part of an object. */

/** Looks up the shape of a struct's field. */
export interface ShapeFields {
  get(name: string): Shape | undefined;
}

export interface Shape {
  /** `any`: nothing is known; objects merge key by key, lists are replaced. */
  readonly type: 'leaf' | 'map' | 'list' | 'any';
  /** Server-side apply owns and replaces it as a whole. */
  readonly atomic: boolean;
  /** Fields of a struct. */
  readonly fields?: ShapeFields;
  /** Values of a map, and of a struct's other keys; undefined: no other keys are known. */
  readonly rest?: Shape;
  /** Items of a list. */
  readonly item?: Shape;
  /** Key fields of a list of objects (`x-kubernetes-list-type: map`), sorted; empty for a set. */
  readonly keys?: readonly string[];
  /** Values taken for key fields that are left out. */
  readonly keyDefaults?: Readonly<Record<string, unknown>>;
  /** Strategic merge patch merges the list: by this key, or by value when empty. Undefined: the list is replaced. */
  readonly mergeKey?: string;
  /** Kubernetes' decoder always has it, if empty: its coming and going is no change of its own. */
  readonly present?: boolean;
  /** Written through the `status` subresource alone. */
  readonly status?: boolean;
  /** Strategic merge patch: `replace` replaces the struct, `retainKeys` honours `$retainKeys`. */
  readonly patch?: 'replace' | 'retainKeys';
}

export const LEAF: Shape = { type: 'leaf', atomic: true };
export const ANY: Shape = { type: 'any', atomic: false };

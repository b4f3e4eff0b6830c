/** Shapes of Kubernetes' own kinds, made from their fields and the table of facts; built as far as they are walked. */
import { ANY, LEAF, type Shape, type ShapeFields } from '../patch/shape-node.ts';
import { ATOMIC_MAPS, ATOMIC_TYPES, GRANULAR_FIELDS, KEY_DEFAULTS, LISTS, PRESENT, STRUCT_PATCH } from './facts.ts';
import { typeFields, typeNameOf, type FieldType } from './types.ts';

const shapes = new Map<string, Shape>();

/** A kind that is not known merges key by key, but for its metadata. */
const UNKNOWN: Shape = {
  type: 'map',
  atomic: false,
  fields: { get: (name) => (name === 'metadata' ? metadataShape() : undefined) },
  rest: ANY,
};

export function builtinShape(group: string, version: string, kind: string): Shape {
  const name = typeNameOf(group, version, kind);
  return name === undefined ? UNKNOWN : structShape(name);
}

/** `metadata` of every object. */
export function metadataShape(): Shape {
  return structShape('meta.v1.ObjectMeta');
}

function structShape(name: string): Shape {
  let shape = shapes.get(name);
  if (shape === undefined) shapes.set(name, (shape = struct(name, ATOMIC_TYPES.has(name), undefined)));
  return shape;
}

function struct(name: string, atomic: boolean, patch: Shape['patch']): Shape {
  return { type: 'map', atomic, fields: new StructFields(name), patch };
}

class StructFields implements ShapeFields {
  readonly #type: string;
  readonly #shapes = new Map<string, Shape | undefined>();

  constructor(type: string) {
    this.#type = type;
  }

  get(name: string): Shape | undefined {
    const known = this.#shapes.get(name);
    if (known !== undefined) return known;
    const field = typeFields(this.#type)?.get(name);
    if (field === undefined) return undefined;
    const path = `${this.#type}.${name}`;
    const plain = fieldShape(field.type, path);
    const present = PRESENT.has(path) || (this.#isKind() && KIND_FIELDS.has(name));
    const shape = present ? { ...plain, present, status: name === 'status' } : plain;
    this.#shapes.set(name, shape);
    return shape;
  }

  #isKind(): boolean {
    const fields = typeFields(this.#type);
    return fields?.has('apiVersion') === true && fields.has('kind');
  }
}

const KIND_FIELDS: ReadonlySet<string> = new Set(['metadata', 'spec', 'status']);

function fieldShape(type: FieldType, path: string): Shape {
  switch (type.is) {
    case 'scalar':
      return type.scalar === '*' ? (path.startsWith('apiextensions.') ? LEAF : ANY) : LEAF;
    case 'map':
      return { type: 'map', atomic: ATOMIC_MAPS.has(path), rest: fieldShape(type.of, `${path}.*`) };
    case 'struct': {
      const patch = STRUCT_PATCH[path];
      const granular = GRANULAR_FIELDS.has(path);
      if (patch === undefined && !granular) return structShape(type.name);
      return struct(type.name, ATOMIC_TYPES.has(type.name) && !granular, patch);
    }
    case 'list':
      return listShape(type.of, path);
  }
}

function listShape(of: FieldType, path: string): Shape {
  const facts = LISTS[path];
  let item = fieldShape(of, `${path}.*`);
  if (facts?.retainKeys === true) item = { ...item, patch: 'retainKeys' };
  if (facts === undefined) return { type: 'list', atomic: true, item };
  const common = { type: 'list', item, mergeKey: facts.merge } as const;
  switch (facts.list) {
    case 'atomic':
      return { ...common, atomic: true };
    case 'set':
      return { ...common, atomic: false, keys: [] };
    case 'map': {
      const keyDefaults = of.is === 'struct' ? KEY_DEFAULTS[of.name] : undefined;
      return { ...common, atomic: false, keys: [...(facts.keys ?? [])].sort(), keyDefaults };
    }
  }
}

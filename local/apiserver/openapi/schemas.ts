/** Definitions of kinds: Kubernetes' own from their fields and facts, custom ones from their schemas. */
import { ATOMIC_MAPS, ATOMIC_TYPES, KEY_DEFAULTS, LISTS, STRUCT_PATCH } from '../builtin/facts.ts';
import { typeFields, typeNameOf, type FieldType, type Scalar } from '../builtin/types.ts';
import type { KindInfo } from '../registry.ts';
import {
  definitionName,
  INT_OR_STRING,
  kindDefinition,
  LIST_META,
  MICRO_TIME,
  OBJECT_META,
  QUANTITY,
  TIME,
} from './names.ts';
import { type Schema, propertyOf } from '../schema/schema.ts';

export type Node = Readonly<Record<string, unknown>>;

/** Texts by type and field; the empty field is the type itself. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

export type Dialect = 'v2' | 'v3';

/** The definitions of one document, added to as kinds refer to them. */
export class Definitions {
  readonly nodes: Record<string, Node> = {};
  readonly #dialect: Dialect;
  readonly #texts: Descriptions;

  constructor(dialect: Dialect, texts: Descriptions) {
    this.#dialect = dialect;
    this.#texts = texts;
  }

  /** Adds a kind, its list, and all they refer to. */
  addKind(kind: KindInfo): void {
    const name = kindDefinition(kind);
    const type = kind.custom === undefined ? typeNameOf(kind.group, kind.version, kind.kind) : undefined;
    if (type !== undefined) this.#addType(type);
    else this.nodes[name] = this.#customRoot(kind.custom?.schema);
    const own = this.nodes[name];
    if (own !== undefined) this.nodes[name] = { ...own, 'x-kubernetes-group-version-kind': [groupVersionKind(kind)] };
    if (kind.verbs.includes('list')) this.#addList(kind, name);
  }

  /** Adds a type of Kubernetes' own, such as `meta.v1.Status`. */
  addType(type: string): void {
    this.#addType(type);
  }

  #addList(kind: KindInfo, item: string): void {
    const listKind = { ...kind, kind: kind.listKind };
    this.nodes[kindDefinition({ ...listKind, custom: kind.custom })] = {
      description: `${kind.listKind} is a list of ${kind.kind}.`,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string', description: API_VERSION },
        items: { type: 'array', description: `The ${kind.kind} objects.`, items: this.#reference(item) },
        kind: { type: 'string', description: KIND },
        metadata: this.#reference(LIST_META, 'Metadata of the list.'),
      },
      'x-kubernetes-group-version-kind': [groupVersionKind(listKind)],
    };
    this.#addType('meta.v1.ListMeta');
  }

  #addType(type: string): void {
    const name = definitionName(type);
    if (this.nodes[name] !== undefined) return;
    const fields = typeFields(type);
    if (fields === undefined) return;
    const texts = this.#texts[type] ?? {};
    const node: Record<string, unknown> = { type: 'object' };
    if (texts[''] !== undefined) node.description = texts[''];
    // Registered before its fields are walked: types may contain themselves.
    this.nodes[name] = node;
    const properties: Record<string, Node> = {};
    const required: string[] = [];
    for (const [field, { type: of, required: must }] of fields) {
      const node = this.#field(of, `${type}.${field}`, texts[field] ?? this.#textOf(field, of));
      const value = KEY_DEFAULTS[type]?.[field];
      properties[field] = value === undefined ? node : { ...node, default: value };
      if (must) required.push(field);
    }
    node.properties = properties;
    if (required.length > 0) node.required = required;
    if (ATOMIC_TYPES.has(type)) node['x-kubernetes-map-type'] = 'atomic';
  }

  /** The models have no text for fields that are structs: the first sentence of the struct's own will do. */
  #textOf(field: string, type: FieldType): string | undefined {
    if (type.is !== 'struct') return undefined;
    if (FIELD_TEXTS[field] !== undefined) return FIELD_TEXTS[field];
    return this.#texts[type.name]?.['']?.split(/(?<=\.)\s/, 1)[0];
  }

  #field(type: FieldType, path: string, description: string | undefined): Node {
    const node: Record<string, unknown> = { ...this.#typeNode(type, path, description) };
    if (ATOMIC_MAPS.has(path)) node['x-kubernetes-map-type'] = 'atomic';
    const patch = STRUCT_PATCH[path];
    if (patch !== undefined) node['x-kubernetes-patch-strategy'] = patch;
    if (type.is === 'list') {
      const facts = LISTS[path];
      node['x-kubernetes-list-type'] = facts?.list ?? 'atomic';
      if (facts?.list === 'map') node['x-kubernetes-list-map-keys'] = facts.keys;
      if (facts?.merge !== undefined) {
        node['x-kubernetes-patch-strategy'] = facts.retainKeys === true ? 'merge,retainKeys' : 'merge';
        if (facts.merge !== '') node['x-kubernetes-patch-merge-key'] = facts.merge;
      }
    }
    return node;
  }

  #typeNode(type: FieldType, path: string, description?: string): Node {
    const text = description === undefined ? {} : { description };
    switch (type.is) {
      case 'struct':
        this.#addType(type.name);
        return this.#reference(definitionName(type.name), description);
      case 'list':
        return { ...text, type: 'array', items: this.#typeNode(type.of, `${path}.*`) };
      case 'map':
        return { ...text, type: 'object', additionalProperties: this.#typeNode(type.of, `${path}.*`) };
      case 'scalar':
        return this.#scalarNode(type.scalar, description);
    }
  }

  #scalarNode(scalar: Scalar, description: string | undefined): Node {
    const named = NAMED_SCALARS[scalar];
    if (named !== undefined) {
      this.nodes[named] ??= namedScalar(named, this.#dialect);
      return this.#reference(named, description);
    }
    return { ...(description === undefined ? {} : { description }), ...PLAIN_SCALARS[scalar] };
  }

  /** A reference with a text of its own needs a wrapper in OpenAPI 3. */
  #reference(name: string, description?: string): Node {
    const $ref = `${this.#dialect === 'v3' ? '#/components/schemas/' : '#/definitions/'}${name}`;
    if (description === undefined) return { $ref };
    return this.#dialect === 'v3' ? { description, allOf: [{ $ref }], default: {} } : { description, $ref };
  }

  #customRoot(schema: Schema | undefined): Node {
    this.#addType('meta.v1.ObjectMeta');
    const root: Record<string, unknown> =
      schema === undefined
        ? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
        : { ...this.#customNode(schema, true) };
    const properties = typeof root.properties === 'object' && root.properties !== null ? root.properties : {};
    root.properties = {
      ...properties,
      apiVersion: { description: API_VERSION, type: 'string' },
      kind: { description: KIND, type: 'string' },
      metadata: this.#reference(OBJECT_META, METADATA),
    };
    return root;
  }

  #customNode(schema: Schema, root = false): Node {
    const node: Record<string, unknown> = { ...schema };
    delete node['x-kubernetes-validations'];
    if (this.#dialect === 'v2') for (const key of ['oneOf', 'anyOf', 'not', 'nullable']) delete node[key];
    if (schema.properties !== undefined) {
      node.properties = Object.fromEntries(
        Object.keys(schema.properties)
          .filter((name) => !(root && name === 'metadata'))
          .map((name) => [name, this.#customNode(propertyOf(schema, name) ?? {})]),
      );
    }
    if (schema.items !== undefined) node.items = this.#customNode(schema.items);
    if (typeof schema.additionalProperties === 'object')
      node.additionalProperties = this.#customNode(schema.additionalProperties);
    return node;
  }
}

const API_VERSION = 'APIVersion defines the versioned schema of this representation of an object, as group/version.';
const KIND = 'Kind is the REST resource this object represents, in CamelCase. It cannot be updated.';
const METADATA = "Standard object's metadata: name, namespace, labels, annotations and what the server adds.";
const FIELD_TEXTS: Readonly<Record<string, string>> = {
  metadata: METADATA,
  spec: 'What is desired, written by users.',
  status: 'What was last observed, written by controllers.',
};

export function groupVersionKind(kind: Pick<KindInfo, 'group' | 'version' | 'kind'>): Node {
  return { group: kind.group, kind: kind.kind, version: kind.version };
}

const NAMED_SCALARS: Readonly<Partial<Record<Scalar, string>>> = {
  q: QUANTITY,
  x: INT_OR_STRING,
  t: TIME,
  u: MICRO_TIME,
};

const PLAIN_SCALARS: Readonly<Partial<Record<Scalar, Node>>> = {
  s: { type: 'string' },
  b: { type: 'boolean' },
  i: { type: 'integer', format: 'int32' },
  l: { type: 'integer', format: 'int64' },
  n: { type: 'number', format: 'double' },
  y: { type: 'string', format: 'byte' },
  '*': { type: 'object' },
};

function namedScalar(name: string, dialect: Dialect): Node {
  switch (name) {
    case TIME:
      return { description: 'A time as RFC 3339 has it, in seconds.', type: 'string', format: 'date-time' };
    case MICRO_TIME:
      return { description: 'A time as RFC 3339 has it, in microseconds.', type: 'string', format: 'date-time' };
    case QUANTITY: {
      const description = 'A number with an optional suffix: 500m, 1.5, 128Mi, 2G, 1e3.';
      if (dialect === 'v2') return { description, type: 'string' };
      return { description, oneOf: [{ type: 'string' }, { type: 'number' }] };
    }
    default: {
      const description = 'A number or a string: a port or its name, a count or a percentage.';
      if (dialect === 'v2') return { description, type: 'string', format: 'int-or-string' };
      return { description, format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] };
    }
  }
}

/** Shapes of custom resources, from their schemas' `x-kubernetes-list-type`, `-list-map-keys` and `-map-type`. */
import { metadataShape } from '../builtin/shapes.ts';
import { ANY, LEAF, type Shape } from './shape-node.ts';
import type { Schema } from '../schema/schema.ts';

export type { Shape } from './shape-node.ts';

/**
 * The shape of a whole object of a custom resource, `metadata` included.
 * @param schema the version's `openAPIV3Schema`; undefined: nothing is known but the metadata
 * @param hasStatus the resource has a `status` subresource: only that one writes the status
 */
export function shapeOf(schema: Schema | undefined, hasStatus = false): Shape {
  const shape = objectShape(schema, false);
  if (!hasStatus) return shape;
  const status: Shape = { ...(shape.fields?.get('status') ?? ANY), status: true };
  return { ...shape, fields: { get: (name) => (name === 'status' ? status : shape.fields?.get(name)) } };
}

function objectShape(schema: Schema | undefined, atomic: boolean): Shape {
  const known = schema === undefined ? { fields: new Map<string, Shape>(), rest: ANY } : structOf(schema);
  const fields = new Map<string, Shape>(known.fields);
  fields.set('apiVersion', LEAF);
  fields.set('kind', LEAF);
  fields.set('metadata', metadataShape());
  return { type: 'map', atomic, fields, rest: known.rest };
}

function nodeShape(schema: Schema): Shape {
  if (schema['x-kubernetes-int-or-string'] === true) return LEAF;
  switch (schema.type) {
    case 'array':
      return listShape(schema);
    case 'object': {
      const atomic = schema['x-kubernetes-map-type'] === 'atomic';
      if (schema['x-kubernetes-embedded-resource'] === true) return objectShape(schema, atomic);
      return { type: 'map', atomic, ...structOf(schema) };
    }
    case undefined:
      return ANY;
    default:
      return LEAF;
  }
}

function listShape(schema: Schema): Shape {
  switch (schema['x-kubernetes-list-type']) {
    case 'map': {
      const keys = [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort();
      const keyDefaults: Record<string, unknown> = {};
      for (const key of keys) {
        const value = schema.items?.properties?.[key]?.default;
        if (value !== undefined) keyDefaults[key] = value;
      }
      return { type: 'list', atomic: false, item: itemShape(schema), keys, keyDefaults };
    }
    case 'set':
      return { type: 'list', atomic: false, item: itemShape(schema), keys: [] };
    default:
      return { type: 'list', atomic: true, item: itemShape(schema) };
  }
}

function itemShape(schema: Schema): Shape {
  return schema.items === undefined ? ANY : nodeShape(schema.items);
}

function structOf(schema: Schema): { fields: ReadonlyMap<string, Shape>; rest: Shape | undefined } {
  const fields = new Map<string, Shape>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) fields.set(name, nodeShape(property));
  if (typeof schema.additionalProperties === 'object') return { fields, rest: nodeShape(schema.additionalProperties) };
  const open = schema.additionalProperties === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return { fields, rest: open ? ANY : undefined };
}

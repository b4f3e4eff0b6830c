/**
 * Manifests made from the schemas of the CRDs: a sound one with a few changes at places that the schema has, by values
 * that such places carry or should not.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'yaml';
import type { Manifest } from '../admit.ts';
import { SOUND } from '../sound.ts';
import { ANNOTATIONS, BY_NAME, BY_TYPE, HOSTILE, LABELS } from './values.ts';

export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}

interface Definition {
  spec: {
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}

const FOLDER = 'config/crds';

/** The schema of each kind. */
export const SCHEMAS: ReadonlyMap<string, Schema> = new Map(
  readdirSync(FOLDER).map((file) => {
    const { spec } = parse(readFileSync(join(FOLDER, file), 'utf8')) as Definition;
    return [spec.names.kind, spec.versions[0]?.schema.openAPIV3Schema ?? {}] as const;
  }),
);

export const METADATA: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    generateName: { type: 'string' },
    annotations: { type: 'object', additionalProperties: { type: 'string' } },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
  },
};

type Step = string | number;
export interface Change {
  readonly path: readonly Step[];
  readonly value: unknown;
}

/** One change somewhere below the schema's root. */
export function changes(kind: string, hostile = false): fc.Arbitrary<Change> {
  const schema = SCHEMAS.get(kind) ?? {};
  const root: Schema = { ...schema, properties: { metadata: METADATA, spec: schema.properties?.spec ?? {} } };
  return fc.integer().map((seed) => walk(root, [], dice(seed), hostile));
}

/** Numbers in [0, 1) that follow from the seed (mulberry32). */
function dice(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function walk(schema: Schema, path: readonly Step[], roll: () => number, hostile: boolean): Change {
  const name = path.findLast((step) => typeof step === 'string') ?? '';
  if (path.length > 0 && hostile && roll() < 0.15) return { path, value: pick(HOSTILE, roll) };
  if (name === 'annotations' || name === 'labels') {
    const known = name === 'labels' ? LABELS : ANNOTATIONS;
    const key = pick(Object.keys(known), roll);
    return { path: [...path, key], value: pick(known[key] ?? [''], roll) };
  }
  const own = BY_NAME[name];
  const leaf = typeof path.at(-1) === 'string';
  const below = schema.properties !== undefined ? Object.entries(schema.properties) : [];
  if (leaf && own !== undefined && fits(own[0], schema) && (below.length === 0 || roll() < 0.1) && roll() < 0.7)
    return { path, value: pick(own, roll) };
  if (below.length > 0 && (path.length === 0 || roll() < 0.97)) {
    const [key, child] = pick(below, roll);
    return walk(child, [...path, key], roll, hostile);
  }
  if (schema.items !== undefined && roll() < 0.9)
    return walk(schema.items, [...path, roll() < 0.75 ? 0 : 1], roll, hostile);
  if (own !== undefined) return { path, value: pick(own, roll) };
  return { path, value: pick(BY_TYPE[schema.type ?? 'string'] ?? [''], roll) };
}

function fits(value: unknown, { type }: Schema): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && !Array.isArray(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return typeof value === 'number';
    default:
      return true;
  }
}

function pick<T>(from: readonly T[], roll: () => number): T {
  return from[Math.floor(roll() * from.length)] as T;
}

export function changed(manifest: Manifest, list: readonly Change[]): Manifest {
  const copy = structuredClone(manifest);
  for (const { path, value } of list) {
    let at: Record<Step, unknown> = copy;
    path.forEach((step, i) => {
      if (i === path.length - 1) {
        at[step] = structuredClone(value);
        return;
      }
      const next = at[step];
      if (typeof next !== 'object' || next === null) at[step] = typeof path[i + 1] === 'number' ? [] : {};
      else if (Array.isArray(next) && typeof path[i + 1] === 'string') at[step] = {};
      at = at[step] as Record<Step, unknown>;
      if (Array.isArray(at) && typeof path[i + 1] === 'number')
        while (at.length < (path[i + 1] as number)) (at as unknown[]).push({});
    });
  }
  return copy;
}

/** A manifest of the kind with up to `most` changes. */
export function manifests(kind: string, most = 5, hostile = false): fc.Arbitrary<Manifest> {
  const sound = SOUND[kind] ?? {};
  return fc.array(changes(kind, hostile), { minLength: 1, maxLength: most }).map((list) => changed(sound, list));
}

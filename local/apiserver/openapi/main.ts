/**
 * OpenAPI of the API server. In: the kinds it serves. Out: the index of v3 documents, one document a group and
 * version, and the one v2 document; enough for kubectl explain, apply and client-side validation. Documents are made
 * when asked for and not kept. Hashes in the index change exactly when a document would. The texts are large: import
 * this module when the first document is asked for. The caller answers ETag and Accept.
 */
import { createHash } from 'node:crypto';
import type { CustomResourceDefinition } from '../../../api/core.ts';
import descriptions from '../builtin/descriptions.json' with { type: 'json' };
import type { KindInfo } from '../registry.ts';
import { kindDefinition } from './names.ts';
import { pathsOf } from './paths.ts';
import { Definitions, type Descriptions, type Dialect, type Node } from './schemas.ts';

/** Of the types: changes when what is generated from them does. */
const EDITION = 'kubernetes-1.34/1';
const texts: Descriptions = descriptions;
const INFO = { title: 'Kubernetes', version: 'v1.34.0' } as const;

export interface OpenApiIndex {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

/** The body of `/openapi/v3`. */
export function openapiV3Index(kinds: readonly KindInfo[]): OpenApiIndex {
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const [path, members] of byGroupVersion(kinds))
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${openapiHash(members)}` };
  return { paths };
}

/** The body of `/openapi/v3/apis/GROUP/VERSION`; undefined when no kind is served there. */
export function openapiV3Document(
  group: string,
  version: string,
  kinds: readonly KindInfo[],
  _crds?: readonly CustomResourceDefinition[],
): Node | undefined {
  const members = kinds.filter((kind) => kind.group === group && kind.version === version);
  if (members.length === 0) return undefined;
  const { nodes, paths } = contents(members, 'v3');
  return { openapi: '3.0.0', info: INFO, paths, components: { schemas: nodes } };
}

/** The body of `/openapi/v2`. */
export function openapiV2(kinds: readonly KindInfo[], _crds?: readonly CustomResourceDefinition[]): Node {
  const { nodes, paths } = contents(kinds, 'v2');
  return { swagger: '2.0', info: INFO, paths, definitions: nodes };
}

/** The entity tag of a document made of these kinds. */
export function openapiHash(kinds: readonly KindInfo[]): string {
  const hash = createHash('sha256').update(EDITION);
  for (const kind of kinds) {
    const { custom, ...rest } = kind;
    hash.update(JSON.stringify([rest.group, rest.version, rest.kind, rest.plural, rest.verbs, rest.subresources]));
    if (custom !== undefined) hash.update(schemaDigest(custom));
  }
  return hash.digest('hex').toUpperCase();
}

const digests = new WeakMap<object, string>();

function schemaDigest(custom: NonNullable<KindInfo['custom']>): string {
  let digest = digests.get(custom);
  if (digest === undefined) {
    digest = createHash('sha256')
      .update(JSON.stringify(custom.schema ?? null))
      .digest('hex');
    digests.set(custom, digest);
  }
  return digest;
}

function contents(
  kinds: readonly KindInfo[],
  dialect: Dialect,
): { nodes: Readonly<Record<string, Node>>; paths: Readonly<Record<string, Node>> } {
  const definitions = new Definitions(dialect, texts);
  const paths: Record<string, Node> = {};
  definitions.addType('meta.v1.Status');
  if (kinds.some((kind) => kind.subresources.includes('scale'))) definitions.addType('autoscaling.v1.Scale');
  for (const kind of [...kinds].sort((a, b) => (kindDefinition(a) < kindDefinition(b) ? -1 : 1))) {
    definitions.addKind(kind);
    Object.assign(paths, pathsOf(kind, dialect));
  }
  return { nodes: sorted(definitions.nodes), paths: sorted(paths) };
}

function sorted(nodes: Readonly<Record<string, Node>>): Record<string, Node> {
  return Object.fromEntries(Object.entries(nodes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function byGroupVersion(kinds: readonly KindInfo[]): Map<string, KindInfo[]> {
  const groups = new Map<string, KindInfo[]>();
  for (const kind of kinds) {
    const path = kind.group === '' ? `api/${kind.version}` : `apis/${kind.group}/${kind.version}`;
    const members = groups.get(path);
    if (members === undefined) groups.set(path, [kind]);
    else members.push(kind);
  }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}

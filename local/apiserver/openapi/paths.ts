/** Paths of kinds in OpenAPI documents: what clients look for are the kinds, actions, patch types and query parameters. */
import type { KindInfo } from '../registry.ts';
import { kindDefinition } from './names.ts';
import { groupVersionKind, type Dialect, type Node } from './schemas.ts';

const JSON_TYPE = 'application/json';
const PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json'];
const STRATEGIC = 'application/strategic-merge-patch+json';
const APPLY = 'application/apply-patch+yaml';

/** Query parameters and their types, by the kind of operation. */
const LIST_QUERY = {
  allowWatchBookmarks: 'boolean',
  continue: 'string',
  fieldSelector: 'string',
  labelSelector: 'string',
  limit: 'integer',
  resourceVersion: 'string',
  resourceVersionMatch: 'string',
  sendInitialEvents: 'boolean',
  timeoutSeconds: 'integer',
  watch: 'boolean',
};
const WRITE_QUERY = { dryRun: 'string', fieldManager: 'string', fieldValidation: 'string' };
const DELETE_QUERY = {
  dryRun: 'string',
  gracePeriodSeconds: 'integer',
  orphanDependents: 'boolean',
  propagationPolicy: 'string',
};

type Action = 'list' | 'post' | 'deletecollection' | 'get' | 'put' | 'patch' | 'delete';

interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'patch' | 'delete';
  readonly word: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: boolean;
}

const OPERATIONS: Readonly<Record<Action, Operation>> = {
  list: { method: 'get', word: 'list', query: LIST_QUERY, body: false },
  post: { method: 'post', word: 'create', query: WRITE_QUERY, body: true },
  deletecollection: {
    method: 'delete',
    word: 'deletecollection',
    query: { ...LIST_QUERY, ...DELETE_QUERY },
    body: false,
  },
  get: { method: 'get', word: 'read', query: {}, body: false },
  put: { method: 'put', word: 'replace', query: WRITE_QUERY, body: true },
  patch: { method: 'patch', word: 'patch', query: { ...WRITE_QUERY, force: 'boolean' }, body: true },
  delete: { method: 'delete', word: 'delete', query: DELETE_QUERY, body: false },
};

/** Verbs of discovery → actions on the collection, and on one object. */
const COLLECTION: Readonly<Record<string, Action>> = {
  list: 'list',
  create: 'post',
  deletecollection: 'deletecollection',
};
const SINGLE: Readonly<Record<string, Action>> = { get: 'get', update: 'put', patch: 'patch', delete: 'delete' };

/** Path → item of one kind, its subresources included. */
export function pathsOf(kind: KindInfo, dialect: Dialect): Record<string, Node> {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const home = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`;
  const paths: Record<string, Node> = {};
  const collection = kind.verbs.flatMap((verb) => COLLECTION[verb] ?? []);
  const single = kind.verbs.flatMap((verb) => SINGLE[verb] ?? []);
  const add = (path: string, actions: readonly Action[], suffix: string): void => {
    if (actions.length > 0) paths[path] = pathItem(kind, path, actions, suffix, dialect);
  };
  add(home, collection, '');
  add(`${home}/{name}`, single, '');
  for (const subresource of kind.subresources)
    if (subresource === 'status' || subresource === 'scale')
      add(`${home}/{name}/${subresource}`, ['get', 'put', 'patch'], subresource);
  if (kind.namespaced && collection.includes('list')) add(`${root}/${kind.plural}`, ['list'], 'ForAllNamespaces');
  return paths;
}

function pathItem(kind: KindInfo, path: string, actions: readonly Action[], suffix: string, dialect: Dialect): Node {
  const item: Record<string, unknown> = {};
  const given = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  if (given.length > 0) item.parameters = given.map((name) => parameter(name, 'path', 'string', dialect));
  for (const action of actions) item[OPERATIONS[action].method] = operation(kind, action, suffix, dialect);
  return item;
}

function operation(kind: KindInfo, action: Action, suffix: string, dialect: Dialect): Node {
  const { word, query, body } = OPERATIONS[action];
  const scale = suffix === 'scale';
  const about = scale ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : kind;
  const home = kind.group === '' ? 'Core' : (kind.group.split('.')[0] ?? '');
  const scope = kind.namespaced ? 'Namespaced' : '';
  const name = action === 'list' ? kindDefinition({ ...kind, kind: kind.listKind }) : kindDefinition(kind);
  const schema = { $ref: `${dialect === 'v3' ? '#/components/schemas/' : '#/definitions/'}${scale ? SCALE : name}` };
  return {
    operationId: [word, home, kind.version, scope, kind.kind, suffix]
      .map(capital)
      .join('')
      .replace(/^./, (first) => first.toLowerCase()),
    tags: [`${kind.group === '' ? 'core' : kind.group}_${kind.version}`],
    parameters: [
      ...Object.entries(query).map(([key, type]) => parameter(key, 'query', type, dialect)),
      ...(body && dialect === 'v2'
        ? [{ name: 'body', in: 'body', required: true, schema: action === 'patch' ? { type: 'object' } : schema }]
        : []),
    ],
    ...requestOf(kind, action, schema, dialect),
    responses: { '200': { description: 'OK', ...answerOf(schema, dialect) } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(about),
  };
}

const SCALE = 'io.k8s.api.autoscaling.v1.Scale';

function requestOf(kind: KindInfo, action: Action, schema: Node, dialect: Dialect): Node {
  if (!OPERATIONS[action].body) return {};
  const types =
    action === 'patch' ? [...PATCH_TYPES, ...(kind.custom === undefined ? [STRATEGIC] : []), APPLY] : [JSON_TYPE];
  if (dialect === 'v2') return { consumes: types, produces: [JSON_TYPE] };
  const content = action === 'patch' ? { schema: { type: 'object' } } : { schema };
  return { requestBody: { required: true, content: Object.fromEntries(types.map((type) => [type, content])) } };
}

function answerOf(schema: Node, dialect: Dialect): Node {
  return dialect === 'v2' ? { schema } : { content: { [JSON_TYPE]: { schema } } };
}

function parameter(name: string, where: 'path' | 'query', type: string, dialect: Dialect): Node {
  const required = where === 'path' ? { required: true } : {};
  const typed = dialect === 'v2' ? { type } : { schema: { type } };
  return { name, in: where, ...required, ...typed };
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

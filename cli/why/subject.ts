/** From the words of the command line to the one object that is meant. */
import type { KubeObject } from '../../api/object.ts';
import { resourcePath, type ResourceType } from '../../api/resource.ts';
import { ServerError, type Cluster } from '../cluster.ts';
import { UsageError } from '../errors.ts';
import { EXPLAINED } from './explain.ts';
import { isKind } from './graph.ts';
import { nearest } from './words.ts';

const SHORT: Readonly<Record<string, string>> = {
  ksvc: 'Service',
  kservice: 'Service',
  svc: 'Service',
  cfg: 'Configuration',
  config: 'Configuration',
  rev: 'Revision',
  rt: 'Route',
  dm: 'DomainMapping',
  kpa: 'PodAutoscaler',
  pa: 'PodAutoscaler',
  king: 'Ingress',
  kingress: 'Ingress',
  ing: 'Ingress',
  kcert: 'Certificate',
  deploy: 'Deployment',
  rs: 'ReplicaSet',
  po: 'Pod',
};

/** Throws `UsageError` (exit 2) when nothing, or more than one thing, has that name. */
export async function findSubject(cluster: Cluster, words: readonly string[]): Promise<KubeObject> {
  const [kindWord, name] = splitWords(words);
  const types = kindWord === undefined ? EXPLAINED.map(({ type }) => type) : [typeOf(kindWord)];
  const unknown = new Set<string>();
  const answers = await Promise.all(types.map((type) => lookUp(cluster, type, name, unknown)));
  const found = answers.filter((one) => one !== undefined);
  const outer = withoutOwned(found);
  const [first, ...more] = outer;
  if (first === undefined) {
    const text = await notFound(cluster, types, kindWord, name);
    const missing = [...unknown].filter((kind) => kind.includes('.knative.dev'));
    const hint = `this server does not know ${missing.join(', ')}: is Knative, or zeroth, installed here?`;
    throw new UsageError(missing.length === 0 ? text : `${text}\n${hint}`);
  }
  if (more.length > 0) {
    const commands = outer.map((one) => `  zeroth why ${wordOf(one)}/${name}`).join('\n');
    throw new UsageError(
      `"${name}" is the name of ${outer.length} things in namespace ${cluster.namespace}; which one?\n${commands}`,
    );
  }
  return first;
}

function splitWords([first = '', second]: readonly string[]): [kind: string | undefined, name: string] {
  if (second !== undefined) return [first, second];
  const slash = first.indexOf('/');
  const [kind, name] = slash < 0 ? [undefined, first] : [first.slice(0, slash), first.slice(slash + 1)];
  if (kind === '' || name === '') throw new UsageError(`"${first}" is no NAME and no KIND/NAME`);
  return [kind, name];
}

/** Of kinds with the same name ours is meant: a Service is Knative's, an Ingress too. */
export function typeOf(word: string): ResourceType {
  const [short = '', ...group] = word.toLowerCase().split('.');
  const kind = Object.hasOwn(SHORT, short) ? SHORT[short] : undefined;
  const found = EXPLAINED.find(
    ({ type }) =>
      (type.kind === kind || type.kind.toLowerCase() === short || type.plural === short) &&
      (group.length === 0 || type.group === group.join('.') || `${type.version}.${type.group}` === group.join('.')),
  );
  if (found !== undefined) return found.type;
  const names = [...EXPLAINED.map(({ type }) => type.kind.toLowerCase()), ...Object.keys(SHORT)];
  const [near] = nearest(short, names);
  throw new UsageError(
    `zeroth why does not know the kind "${word}"${near === undefined ? '' : `; did you mean ${near}?`} It explains ${EXPLAINED.map(({ type }) => type.kind).join(', ')}`,
  );
}

/** @param unknown takes the kinds that the server does not have */
async function lookUp(
  cluster: Cluster,
  type: ResourceType,
  name: string,
  unknown: Set<string>,
): Promise<KubeObject | undefined> {
  try {
    const path = resourcePath(type, cluster.namespace, name);
    return objectOf(await cluster.send({ path }));
  } catch (error) {
    if (isUnknownKind(error)) unknown.add(`${type.kind} (${type.group})`);
    // No such object, no such kind, or not for this user to see: then it is not what was meant.
    if (error instanceof ServerError && (error.status === 404 || error.status === 403 || error.status === 400))
      return undefined;
    throw error;
  }
}

/** What belongs to another one of the same name is part of its story: a Service has a Route, a Configuration, … */
function withoutOwned(found: readonly KubeObject[]): KubeObject[] {
  const uids = new Set(found.map(({ metadata }) => metadata.uid));
  return found.filter(
    ({ metadata }) =>
      !(metadata.ownerReferences ?? []).some(({ uid, controller }) => controller === true && uids.has(uid)),
  );
}

async function notFound(
  cluster: Cluster,
  types: readonly ResourceType[],
  kindWord: string | undefined,
  name: string,
): Promise<string> {
  const lists = await Promise.all(types.map((type) => listAll(cluster, type)));
  const objects = lists.flat();
  const here = withoutOwned(objects.filter(({ metadata }) => metadata.namespace === cluster.namespace));
  const elsewhere = [
    ...new Set(
      objects.filter(({ metadata }) => metadata.name === name).map(({ metadata }) => metadata.namespace ?? ''),
    ),
  ];
  const what = kindWord === undefined ? 'nothing' : `no ${types[0]?.kind ?? kindWord}`;
  const head = `there is ${what} named "${name}" in namespace ${cluster.namespace}`;
  if (elsewhere.length > 0)
    return `${head}, but in ${elsewhere.join(', ')}: zeroth why ${kindWord === undefined ? '' : `${kindWord}/`}${name} -n ${elsewhere[0] ?? ''}`;
  const near = nearest(
    name,
    here.map(({ metadata }) => metadata.name),
  );
  if (near.length === 0)
    return `${head}; see: zeroth get ${types[0]?.kind === 'Service' ? 'ksvc' : (types[0]?.plural ?? 'ksvc')} -A`;
  const words = near.map((one) => {
    const object = here.find(({ metadata }) => metadata.name === one);
    return object === undefined ? one : `${wordOf(object)}/${one}`;
  });
  return `${head}; did you mean ${words.join(' or ')}?`;
}

async function listAll(cluster: Cluster, type: ResourceType): Promise<KubeObject[]> {
  try {
    return itemsOf(await cluster.send({ path: resourcePath(type) }), type);
  } catch (error) {
    if (error instanceof ServerError) return [];
    throw error;
  }
}

/** The shortest word that means this object's kind here. */
function wordOf(object: KubeObject): string {
  if (object.kind === 'Service') return 'ksvc';
  return EXPLAINED.find(({ type }) => isKind(object, type))?.type.kind.toLowerCase() ?? object.kind.toLowerCase();
}

export function objectOf(value: unknown): KubeObject | undefined {
  return isKubeObject(value) ? value : undefined;
}

/** Items of a list carry no kind of their own. */
export function itemsOf(value: unknown, type: ResourceType): KubeObject[] {
  if (typeof value !== 'object' || value === null || !('items' in value) || !Array.isArray(value.items)) return [];
  const apiVersion = type.group === '' ? type.version : `${type.group}/${type.version}`;
  return value.items
    .map((item: unknown) =>
      typeof item === 'object' && item !== null ? { apiVersion, kind: type.kind, ...item } : item,
    )
    .filter(isKubeObject);
}

function isKubeObject(value: unknown): value is KubeObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    'apiVersion' in value &&
    typeof value.apiVersion === 'string' &&
    'metadata' in value &&
    typeof value.metadata === 'object' &&
    value.metadata !== null
  );
}

/** The server has no such kind, whatever the name. */
export function isUnknownKind(error: unknown): boolean {
  return (
    error instanceof ServerError && error.status === 404 && /could not find the requested resource/.test(error.message)
  );
}

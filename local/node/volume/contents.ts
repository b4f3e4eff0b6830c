/** The files of configMap, secret, downwardAPI and projected volumes; pure but for the token. */
import type { ConfigMap, Pod, PodSpec, Secret } from '../../../api/core.ts';
import { NodeError } from '../errors.ts';
import { fieldValue, resourceValue, type PodFacts } from '../pod/downward.ts';
import type { VolumeFile } from './atomic-folder.ts';

export type Volume = NonNullable<PodSpec['volumes']>[number];
type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];
type TokenProjection = NonNullable<Projection['serviceAccountToken']>;
type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number];

export interface ContentSources {
  readonly configMap: (name: string) => ConfigMap | undefined;
  readonly secret: (name: string) => Secret | undefined;
  readonly facts: PodFacts;
  readonly token: (projection: TokenProjection) => Promise<string>;
}

const DEFAULT_MODE = 0o644;

/** Undefined for a volume that is not made of files. @throws NodeError FailedMount for what is missing */
export async function volumeFiles(
  pod: Pod,
  volume: Volume,
  sources: ContentSources,
): Promise<Map<string, VolumeFile> | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) return mapFiles(configMap.name, configMap, configMap.defaultMode, sources);
  if (secret !== undefined)
    return secretFiles(
      secret.secretName,
      { items: secret.items, optional: secret.optional },
      secret.defaultMode,
      sources,
    );
  if (downwardAPI !== undefined) return downwardFiles(pod, downwardAPI.items, downwardAPI.defaultMode, sources);
  if (projected === undefined) return undefined;
  const files = new Map<string, VolumeFile>();
  for (const one of projected.sources ?? [])
    for (const [path, file] of await projectionFiles(pod, one, projected.defaultMode, sources)) files.set(path, file);
  return files;
}

async function projectionFiles(
  pod: Pod,
  source: Projection,
  mode: number | undefined,
  sources: ContentSources,
): Promise<Map<string, VolumeFile>> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) return mapFiles(configMap.name, configMap, mode, sources);
  if (secret !== undefined) return secretFiles(secret.name, secret, mode, sources);
  if (downwardAPI !== undefined) return downwardFiles(pod, downwardAPI.items, mode, sources);
  if (serviceAccountToken !== undefined) {
    const bytes = Buffer.from(await sources.token(serviceAccountToken));
    return new Map([[safePath(serviceAccountToken.path), { bytes, mode: mode ?? DEFAULT_MODE }]]);
  }
  throw new NodeError('FailedMount', 'unsupported projected volume source');
}

interface Selection {
  readonly items?: readonly { readonly key: string; readonly path: string; readonly mode?: number }[];
  readonly optional?: boolean;
}

function mapFiles(
  name: string | undefined,
  selection: Selection,
  mode: number | undefined,
  sources: ContentSources,
): Map<string, VolumeFile> {
  const map = sources.configMap(name ?? '');
  if (map === undefined) return missing(`configmap "${name ?? ''}"`, selection);
  const data = new Map(Object.entries(map.data ?? {}).map(([key, text]) => [key, Buffer.from(text)]));
  for (const [key, text] of Object.entries(map.binaryData ?? {})) data.set(key, Buffer.from(text, 'base64'));
  return select(data, `configmap "${name ?? ''}"`, selection, mode);
}

function secretFiles(
  name: string | undefined,
  selection: Selection,
  mode: number | undefined,
  sources: ContentSources,
): Map<string, VolumeFile> {
  const secret = sources.secret(name ?? '');
  if (secret === undefined) return missing(`secret "${name ?? ''}"`, selection);
  const data = new Map(Object.entries(secret.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
  return select(data, `secret "${name ?? ''}"`, selection, mode);
}

function missing(what: string, selection: Selection): Map<string, VolumeFile> {
  if (selection.optional === true) return new Map();
  throw new NodeError('FailedMount', `${what} not found`);
}

function select(
  data: ReadonlyMap<string, Buffer>,
  what: string,
  { items, optional }: Selection,
  mode = DEFAULT_MODE,
): Map<string, VolumeFile> {
  if (items === undefined) return new Map([...data].map(([key, bytes]) => [safePath(key), { bytes, mode }]));
  const files = new Map<string, VolumeFile>();
  for (const item of items) {
    const bytes = data.get(item.key);
    if (bytes !== undefined) files.set(safePath(item.path), { bytes, mode: item.mode ?? mode });
    else if (optional !== true) throw new NodeError('FailedMount', `${what} has no key "${item.key}"`);
  }
  return files;
}

function downwardFiles(
  pod: Pod,
  items: readonly DownwardItem[] | undefined,
  mode: number | undefined,
  sources: ContentSources,
): Map<string, VolumeFile> {
  return new Map(
    (items ?? []).map((item) => [
      safePath(item.path),
      { bytes: Buffer.from(downwardText(pod, item, sources.facts)), mode: item.mode ?? mode ?? DEFAULT_MODE },
    ]),
  );
}

function downwardText(pod: Pod, item: DownwardItem, facts: PodFacts): string {
  if (item.fieldRef !== undefined) return fieldValue(pod, item.fieldRef.fieldPath, facts);
  const { containerName, resource = '', divisor } = item.resourceFieldRef ?? {};
  const container = pod.spec?.containers.find((one) => one.name === containerName);
  if (container === undefined)
    throw new NodeError('FailedMount', `no container "${containerName ?? ''}" for ${item.path}`);
  return resourceValue(container, resource, divisor, facts);
}

/** Relative, inside, and none of the names that the folder keeps for itself. */
function safePath(path: string): string {
  const parts = path.split('/');
  if (
    path === '' ||
    path.startsWith('/') ||
    parts.some((part) => part === '..' || part === '') ||
    path.startsWith('..')
  )
    throw new NodeError('FailedMount', `invalid path in a volume: ${JSON.stringify(path)}`);
  return path;
}

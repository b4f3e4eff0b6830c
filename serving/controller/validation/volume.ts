/** Volumes and their mounts. Source: reference section 1.7, "Volumes". */
import { posix } from 'node:path';
import type { Container, PodSpec } from '../../../api/core.ts';
import {
  invalidValue,
  missingField,
  missingOneOf,
  multipleOneOf,
  viaField,
  type FieldError,
} from '../../../api/field-error.ts';
import type { FeatureName } from '../config/features.ts';
import { parseQuantity } from '../../../kube/quantity.ts';
import { flagOf, type ServingContext } from './context.ts';
import { fieldError, isGiven, listOf, onlyAllows, viaFieldIndex, viaIndex } from './fields.ts';
import { dns1123Label } from './names.ts';

type Volume = NonNullable<PodSpec['volumes']>[number];
type Mount = NonNullable<Container['volumeMounts']>[number];
type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];
type Item = { key?: string; path?: string; mode?: number };

export type Volumes = ReadonlyMap<string, Volume>;

/** Sources behind a flag, and what they are called. */
const GATED: readonly (readonly [keyof Volume & string, FeatureName, string])[] = [
  ['emptyDir', 'kubernetes.podspec-volumes-emptydir', 'EmptyDir'],
  ['hostPath', 'kubernetes.podspec-volumes-hostpath', 'HostPath'],
  ['csi', 'kubernetes.podspec-volumes-csi', 'CSI'],
  ['ephemeral', 'kubernetes.podspec-volumes-ephemeral', 'Ephemeral'],
  ['image', 'kubernetes.podspec-volumes-image', 'Image'],
];
const PVC = 'kubernetes.podspec-persistent-volume-claim';
const ALWAYS = ['secret', 'configMap', 'projected'] as const;
const RESERVED_PATHS = ['/', '/dev', '/dev/log'];

export function validateVolumes(
  volumes: readonly Volume[],
  containers: readonly Container[],
  context: ServingContext,
): FieldError[] {
  const mounted = new Set(containers.flatMap((container) => listOf(container.volumeMounts).map((mount) => mount.name)));
  const seen = new Set<string>();
  return volumes.flatMap((volume, i) => {
    const errors: FieldError[] = [];
    if (seen.has(volume.name)) errors.push(fieldError(`duplicate volume name ${quote(volume.name)}`, ['name']));
    if (!mounted.has(volume.name))
      errors.push(fieldError(`volume with name ${quote(volume.name)} not mounted`, ['name']));
    seen.add(volume.name);
    return viaIndex(i, [...errors, ...validateVolume(volume, context)]);
  });
}

function validateVolume(volume: Volume, context: ServingContext): FieldError[] {
  const errors: FieldError[] = [];
  // A bad name hides what the flags say, as in Knative.
  if ((volume.name ?? '') === '') errors.push(missingField('name'));
  else if (dns1123Label(volume.name).length > 0) errors.push(invalidValue(volume.name, 'name'));
  else errors.push(...refusedSources(volume, context));
  const open = GATED.filter(([, flag]) => flagOf(context, flag) !== 'Disabled').map(([source]) => source);
  const allowed = [...ALWAYS, ...open, ...(flagOf(context, PVC) === 'Disabled' ? [] : ['persistentVolumeClaim'])];
  errors.push(...onlyAllows(volume, ['name', ...allowed]));

  const sources = [...ALWAYS, 'persistentVolumeClaim' as const, ...GATED.map(([source]) => source)];
  const given = sources.filter((source) => isGiven(volume[source]));
  if (given.length === 0) {
    const enabled = GATED.filter(([, flag]) => flagOf(context, flag) === 'Enabled').map(([source]) => source);
    const claims = flagOf(context, PVC) === 'Enabled' ? ['persistentVolumeClaim'] : [];
    errors.push(missingOneOf(...ALWAYS, ...claims, ...enabled));
  } else if (given.length > 1) errors.push(multipleOneOf(...given));
  errors.push(
    ...viaField('image', validateImageSource(volume.image)),
    ...validateItems(volume.secret?.items),
    ...validateItems(volume.configMap?.items),
    ...listOf(volume.projected?.sources).flatMap((source, i) =>
      viaFieldIndex('projected', i, validateProjection(source)),
    ),
    ...viaField('emptyDir', validateEmptyDir(volume.emptyDir)),
  );
  return errors;
}

/** What no flag opens. These errors name the volume rather than a field, as in Knative. */
function refusedSources(volume: Volume, context: ServingContext): FieldError[] {
  const errors: FieldError[] = [];
  const claim = volume.persistentVolumeClaim;
  if (isGiven(claim)) {
    const name = claim?.claimName ?? '';
    if (flagOf(context, PVC) !== 'Enabled')
      errors.push(
        fieldError(`Persistent volume claim support is disabled, but found persistent volume claim ${name}`, []),
      );
    if (claim?.readOnly !== true && flagOf(context, 'kubernetes.podspec-persistent-volume-write') !== 'Enabled')
      errors.push(
        fieldError(
          `Persistent volume write support is disabled, but found persistent volume claim ${name} that is not read-only`,
          [],
        ),
      );
  }
  for (const [source, flag, called] of GATED)
    if (isGiven(volume[source]) && flagOf(context, flag) !== 'Enabled')
      errors.push(fieldError(`${called} volume support is disabled, but found ${called} volume ${volume.name}`, []));
  return errors;
}

function validateImageSource(image: Volume['image']): FieldError[] {
  if (image === undefined || image === null) return [];
  const { reference = '', pullPolicy = '' } = image;
  return [
    ...onlyAllows(image, ['reference', 'pullPolicy']),
    ...(reference === '' ? [missingField('reference')] : []),
    ...(['', 'Always', 'IfNotPresent', 'Never'].includes(pullPolicy) ? [] : [invalidValue(pullPolicy, 'pullPolicy')]),
  ];
}

function validateProjection(source: Projection): FieldError[] {
  const kinds = ['secret', 'configMap', 'serviceAccountToken', 'downwardAPI'] as const;
  const given = kinds.filter((kind) => source[kind] !== undefined);
  const { secret, configMap, serviceAccountToken, downwardAPI } = source;
  return [
    ...onlyAllows(source, kinds),
    ...viaField('secret', secret === undefined ? [] : validateNamedItems(secret)),
    ...viaField('configMap', configMap === undefined ? [] : validateNamedItems(configMap)),
    ...(serviceAccountToken !== undefined && (serviceAccountToken.path ?? '') === ''
      ? [missingField('serviceAccountToken.path')]
      : []),
    ...listOf(downwardAPI?.items).flatMap((item, i) =>
      viaFieldIndex('downwardAPI.items', i, [
        ...(item.fieldRef === undefined && item.resourceFieldRef === undefined
          ? [missingOneOf('fieldRef', 'resourceFieldRef')]
          : []),
        ...(item.fieldRef !== undefined && item.resourceFieldRef !== undefined
          ? [fieldError('Within a single item, cannot set both', ['resourceFieldRef', 'fieldRef'])]
          : []),
        ...((item.path ?? '') === '' ? [missingField('path')] : []),
      ]),
    ),
    ...(given.length === 0 ? [missingOneOf(...kinds)] : given.length > 1 ? [multipleOneOf(...given)] : []),
  ];
}

function validateNamedItems(source: { name?: string; items?: readonly Item[] }): FieldError[] {
  return [
    ...onlyAllows(source, ['name', 'items', 'optional']),
    ...((source.name ?? '') === '' ? [missingField('name')] : []),
    ...validateItems(source.items),
  ];
}

function validateItems(items: readonly Item[] | undefined): FieldError[] {
  return listOf(items).flatMap((item, i) =>
    viaFieldIndex('items', i, [
      ...onlyAllows(item, ['key', 'path', 'mode']),
      ...((item.key ?? '') === '' ? [missingField('key')] : []),
      ...((item.path ?? '') === '' ? [missingField('path')] : []),
    ]),
  );
}

function validateEmptyDir(dir: Volume['emptyDir']): FieldError[] {
  if (dir === undefined) return [];
  const { medium = '', sizeLimit } = dir;
  return [
    ...(medium === '' || medium === 'Memory' ? [] : [invalidValue(medium, 'medium')]),
    ...((parseQuantity(sizeLimit) ?? 0) < 0 ? [invalidValue(sizeLimit, 'sizeLimit')] : []),
  ];
}

export function validateMounts(mounts: readonly Mount[], volumes: Volumes, context: ServingContext): FieldError[] {
  const propagates = flagOf(context, 'kubernetes.podspec-volumes-mount-propagation');
  const fields = ['name', 'readOnly', 'mountPath', 'subPath'];
  const allowed = propagates === 'Disabled' ? fields : [...fields, 'mountPropagation'];
  const seen = new Set<string>();
  return mounts.flatMap((mount, i) => {
    const volume = volumes.get(mount.name);
    const errors = onlyAllows(mount, allowed);
    if (volume === undefined) errors.push(fieldError('volumeMount has no matching volume', ['name']));
    const clean = cleanPath(mount.mountPath ?? '');
    if ((mount.mountPath ?? '') === '') errors.push(missingField('mountPath'));
    else if (RESERVED_PATHS.includes(clean))
      errors.push(fieldError(`mountPath ${quote(clean)} is a reserved path`, ['mountPath']));
    else if (!posix.isAbsolute(mount.mountPath)) errors.push(invalidValue(mount.mountPath, 'mountPath'));
    else if (seen.has(clean)) errors.push(invalidValue(`${quote(mount.mountPath)} must be unique`, 'mountPath'));
    seen.add(clean);
    if (!isWritable(volume) && mount.readOnly !== true)
      errors.push(fieldError('volume mount should be readOnly for this type of volume', ['readOnly']));
    const { mountPropagation } = mount;
    if (isGiven(mountPropagation)) {
      if (propagates !== 'Enabled')
        errors.push(
          fieldError(
            `Volume Mount Propagation support is disabled, but found volume mount ${mount.name} with mount propagation`,
            [],
          ),
        );
      if (mountPropagation !== 'None' && mountPropagation !== 'HostToContainer')
        errors.push(fieldError('mount propagation should be set to None or HostToContainer', ['mountPropagation']));
    }
    if (volume?.persistentVolumeClaim?.readOnly === true && mount.readOnly !== true)
      errors.push(fieldError('volume is readOnly but volume mount is not', ['readOnly']));
    return viaIndex(i, errors);
  });
}

/** Volumes that a container may write to. */
export function isWritable(volume: Volume | undefined): boolean {
  return isGiven(volume?.emptyDir) || isGiven(volume?.persistentVolumeClaim) || isGiven(volume?.ephemeral);
}

function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}

function quote(text: string): string {
  return JSON.stringify(text ?? '');
}

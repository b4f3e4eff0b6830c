/** The pod part of a Revision's spec. Paths start at the spec. Source: reference section 1.7. */
import type { Container, PodSpec } from '../../../api/core.ts';
import { invalidValue, missingField, viaField, type FieldError } from '../../../api/field-error.ts';
import type { FeatureName } from '../config/features.ts';
import { validateInitContainer, validateServingContainer, validateSidecar } from './container.ts';
import { flagOf, locksPods, type ServingContext } from './context.ts';
import { fieldError, listOf, MOST_NESTED, onlyAllows, viaFieldIndex } from './fields.ts';
import { dns1123Subdomain } from './names.ts';
import { validatePodSecurity, warnInsecure } from './security.ts';
import { validateVolumes, type Volumes } from './volume.ts';

const ALWAYS = ['serviceAccountName', 'containers', 'volumes', 'imagePullSecrets', 'enableServiceLinks'];

/** Fields that a flag opens. */
export const GATED_FIELDS: Readonly<Record<string, FeatureName>> = {
  affinity: 'kubernetes.podspec-affinity',
  topologySpreadConstraints: 'kubernetes.podspec-topologyspreadconstraints',
  hostAliases: 'kubernetes.podspec-hostaliases',
  nodeSelector: 'kubernetes.podspec-nodeselector',
  tolerations: 'kubernetes.podspec-tolerations',
  runtimeClassName: 'kubernetes.podspec-runtimeclassname',
  priorityClassName: 'kubernetes.podspec-priorityclassname',
  schedulerName: 'kubernetes.podspec-schedulername',
  shareProcessNamespace: 'kubernetes.podspec-shareprocessnamespace',
  hostIPC: 'kubernetes.podspec-hostipc',
  hostPID: 'kubernetes.podspec-hostpid',
  hostNetwork: 'kubernetes.podspec-hostnetwork',
  dnsPolicy: 'kubernetes.podspec-dnspolicy',
  dnsConfig: 'kubernetes.podspec-dnsconfig',
  initContainers: 'kubernetes.podspec-init-containers',
  securityContext: 'kubernetes.podspec-securitycontext',
};

/** @param more fields of the spec that are not a pod's */
export function validatePodSpec(spec: PodSpec, more: readonly string[], context: ServingContext): FieldError[] {
  const containers = listOf(spec.containers);
  const initContainers = listOf(spec.initContainers);
  const volumes: Volumes = new Map(listOf(spec.volumes).map((volume) => [volume.name, volume]));
  const errors = onlyAllows(spec, allowedFields(spec, more, context));
  if (spec.securityContext !== undefined)
    errors.push(...viaField('securityContext', validatePodSecurity(spec.securityContext, context)));
  const warn = (field: string, i: number, security: Parameters<typeof warnInsecure>[1]) =>
    viaFieldIndex(field, i, viaField('securityContext', warnInsecure(spec.securityContext, security, context)));
  containers.forEach((container, i) => errors.push(...warn('containers', i, container.securityContext)));
  initContainers.forEach((container, i) => errors.push(...warn('initContainers', i, container.securityContext)));
  errors.push(
    ...viaField('volumes', validateVolumes(listOf(spec.volumes), [...initContainers, ...containers], context)),
    ...validateInitContainers(spec, volumes, context),
    ...validateContainers(spec, volumes, context),
  );
  const account = spec.serviceAccountName ?? '';
  if (account !== '')
    errors.push(...dns1123Subdomain(account).map((problem) => invalidValue(account, 'serviceAccountName', problem)));
  return errors;
}

function allowedFields(spec: PodSpec, more: readonly string[], context: ServingContext): string[] {
  const open = Object.entries(GATED_FIELDS)
    .filter(([, flag]) => flagOf(context, flag) !== 'Disabled')
    .map(([field]) => field);
  const allowed = [...ALWAYS, ...more, ...open];
  if (locksPods(context)) allowed.push('securityContext');
  if (spec.automountServiceAccountToken === false) allowed.push('automountServiceAccountToken');
  return allowed;
}

function validateInitContainers(spec: PodSpec, volumes: Volumes, context: ServingContext): FieldError[] {
  const containers = listOf(spec.initContainers);
  if (containers.length === 0) return [];
  if (flagOf(context, 'kubernetes.podspec-init-containers') !== 'Enabled')
    return [
      fieldError(`pod spec support for init-containers is off, but found ${containers.length} init containers`, []),
    ];
  const names = listOf(spec.containers).map((container) => container.name);
  return eachContainer(
    containers,
    (container) => names.includes(container.name),
    (container) => validateInitContainer(container, volumes, context),
  );
}

function validateContainers(spec: PodSpec, volumes: Volumes, context: ServingContext): FieldError[] {
  const containers = listOf(spec.containers);
  const ports = containers.flatMap((container) => listOf(container.ports));
  const portName = listOf(containers.findLast(({ ports }) => listOf(ports).length > 0)?.ports)[0]?.name ?? '';
  const errors: FieldError[] = [];
  if (ports.length === 0 && containers.length > 1) errors.push(missingField('containers[*].ports'));
  if (ports.length > 1)
    errors.push(
      fieldError(
        'more than one container port is set',
        ['containers[*].ports'],
        'Only a single port is allowed across all containers',
      ),
    );
  const serving = (container: (typeof containers)[number]) =>
    validateServingContainer(container, volumes, portName === '' ? 'http' : portName, context);
  const [first] = containers;
  if (first === undefined) return [...errors, missingField('containers')];
  if (containers.length === 1) return [...errors, ...viaFieldIndex('containers', 0, serving(first))];
  if (flagOf(context, 'multi-container') !== 'Enabled')
    return [...errors, fieldError(`multi-container is off, but found ${containers.length} containers`, [])];
  const seen = new Set<string>();
  const found = eachContainer(
    containers,
    ({ name }) => seen.has(name) || (seen.add(name), false),
    (container) =>
      listOf(container.ports).length === 0 ? validateSidecar(container, volumes, context) : serving(container),
  );
  return [...errors, ...found];
}

/**
 * Containers one by one, init containers too, as Knative reports them: under `containers`, and with what was found
 * before a duplicate name put below that container as well.
 */
function eachContainer(
  containers: readonly Container[],
  isDuplicate: (container: Container) => boolean,
  validate: (container: Container) => readonly FieldError[],
): FieldError[] {
  let errors: FieldError[] = [];
  containers.forEach((container, i) => {
    if (isDuplicate(container)) {
      const found = viaFieldIndex('containers', i, [...(i < MOST_NESTED ? errors : []), duplicate(container.name)]);
      if (i < MOST_NESTED) errors = found;
      else errors.push(...found);
    }
    errors.push(...viaFieldIndex('containers', i, validate(container)));
  });
  return errors;
}

function duplicate(name: string | undefined): FieldError {
  return fieldError(`duplicate container name ${JSON.stringify(name ?? '')}`, ['name']);
}

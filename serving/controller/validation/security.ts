/** Security contexts of pods and containers. Source: reference section 1.7. */
import type { Container, PodSpec } from '../../../api/core.ts';
import { invalidValue, outOfBounds, viaField, type FieldError } from '../../../api/field-error.ts';
import { flagOf, locksPods, type ServingContext } from './context.ts';
import { listOf, onlyAllows, viaFieldIndex, warning } from './fields.ts';

type PodSecurity = NonNullable<PodSpec['securityContext']>;
type Security = NonNullable<Container['securityContext']>;

const LARGEST_ID = 2 ** 31 - 1;
const INSECURE = 'Kubernetes default value is insecure, Knative may default this to secure in a future release';

export function validatePodSecurity(security: PodSecurity | undefined, context: ServingContext): FieldError[] {
  if (security === undefined) return [];
  const seccomp = security.seccompProfile?.type;
  const allowed =
    flagOf(context, 'kubernetes.podspec-securitycontext') !== 'Disabled'
      ? ['runAsUser', 'runAsGroup', 'runAsNonRoot', 'fsGroup', 'supplementalGroups', 'seccompProfile']
      : locksPods(context) && (seccomp === 'RuntimeDefault' || seccomp === 'Unconfined')
        ? ['seccompProfile']
        : [];
  return [
    ...onlyAllows(security, allowed),
    ...ids(security, 'runAsUser', 'runAsGroup', 'fsGroup'),
    ...listOf(security.supplementalGroups).flatMap((id, i) => viaFieldIndex('supplementalGroups', i, idOf(id, ''))),
  ];
}

export function validateSecurity(security: Security | undefined, context: ServingContext): FieldError[] {
  if (security === undefined) return [];
  return [
    ...onlyAllows(security, [
      'capabilities',
      'readOnlyRootFilesystem',
      'runAsUser',
      'runAsGroup',
      'runAsNonRoot',
      'allowPrivilegeEscalation',
      'seccompProfile',
      ...(security.privileged === false ? ['privileged'] : []),
    ]),
    ...viaField('capabilities', validateCapabilities(security.capabilities, context)),
    ...ids(security, 'runAsUser', 'runAsGroup'),
  ];
}

function validateCapabilities(capabilities: Security['capabilities'], context: ServingContext): FieldError[] {
  const add = capabilities?.add ?? [];
  const allowed =
    flagOf(context, 'kubernetes.containerspec-addcapabilities') === 'Enabled' ||
    (locksPods(context) && add.length === 1 && add[0] === 'NET_BIND_SERVICE');
  return onlyAllows(capabilities, allowed ? ['drop', 'add'] : ['drop']);
}

/** Warns where Kubernetes' own defaults are loose and nobody decided. Paths start at the security context. */
export function warnInsecure(
  pod: PodSecurity | undefined,
  container: Security | undefined,
  context: ServingContext,
): FieldError[] {
  if (locksPods(context)) return [];
  const unset: string[] = [];
  if (pod?.runAsNonRoot === undefined && container?.runAsNonRoot === undefined) unset.push('runAsNonRoot');
  if (container?.allowPrivilegeEscalation === undefined) unset.push('allowPrivilegeEscalation');
  if (pod?.seccompProfile === undefined && container?.seccompProfile === undefined) unset.push('seccompProfile');
  else if ((pod?.seccompProfile?.type ?? '') === '' && (container?.seccompProfile?.type ?? '') === '')
    unset.push('seccompProfile.type');
  const warnings: FieldError[] = [];
  if (container?.capabilities === undefined) unset.push('capabilities');
  else if (container.capabilities.drop === undefined) unset.push('capabilities.drop');
  else if (container.capabilities.drop[0] === 'all')
    warnings.push({
      ...warning('invalid value: all', 'capabilities.drop'),
      details: "Must be spelled as 'ALL'",
    });
  return [...unset.map((field) => warning(INSECURE, field)), ...warnings];
}

function ids<K extends string>(security: { readonly [key in K]?: number }, ...fields: K[]): FieldError[] {
  return fields.flatMap((field) => idOf(security[field], field));
}

/** Pod security contexts are open to the schema: what is no number is refused here. */
function idOf(id: number | undefined | null, field: string): FieldError[] {
  if (id === undefined || id === null) return [];
  if (!Number.isInteger(id)) return [invalidValue(id, field)];
  return id < 0 || id > LARGEST_ID ? [outOfBounds(id, 0, LARGEST_ID, field)] : [];
}

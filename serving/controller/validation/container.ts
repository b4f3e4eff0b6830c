/** Containers of a Revision. Paths start at the container. Source: reference section 1.7. */
import type { Container } from '../../../api/core.ts';
import {
  invalidValue,
  missingField,
  missingOneOf,
  multipleOneOf,
  outOfBounds,
  viaField,
  type FieldError,
} from '../../../api/field-error.ts';
import { flagOf, type ServingContext } from './context.ts';
import { fieldError, HANDLERS, isGiven, listOf, MOST_NESTED, onlyAllows, viaIndex } from './fields.ts';
import { validateImage } from './image.ts';
import { validateProbe, validateReadinessProbe } from './probe.ts';
import { validateSecurity } from './security.ts';
import { validateMounts, type Volumes } from './volume.ts';

type Port = NonNullable<Container['ports']>[number];
type EnvVar = NonNullable<Container['env']>[number];
type EnvSource = NonNullable<Container['envFrom']>[number];
type Role = 'serving' | 'sidecar' | 'init';

const CONTAINER = [
  'name',
  'args',
  'command',
  'env',
  'envFrom',
  'workingDir',
  'image',
  'imagePullPolicy',
  'livenessProbe',
  'ports',
  'readinessProbe',
  'resources',
  'securityContext',
  'startupProbe',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'volumeMounts',
];
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const IDENTITY = ['K_SERVICE', 'K_CONFIGURATION', 'K_REVISION'];
const RESERVED_PORTS = [8008, 8012, 8013, 8022, 9090, 9091];
const PORT_NAMES = ['h2c', 'http1', ''];

/** The container that requests go to. @param portName of the one port of the pod, `http` when it has none */
export function validateServingContainer(
  container: Container,
  volumes: Volumes,
  portName: string,
  context: ServingContext,
): FieldError[] {
  const probed = { serving: true, portName } as const;
  return [
    ...viaField('livenessProbe', validateProbe(container.livenessProbe, probed)),
    ...viaField('readinessProbe', validateReadinessProbe(container.readinessProbe, probed)),
    ...viaField('startupProbe', validateProbe(container.startupProbe, probed)),
    ...validateContainer(container, 'serving', volumes, context),
  ];
}

export function validateSidecar(container: Container, volumes: Volumes, context: ServingContext): FieldError[] {
  const probed = { serving: false } as const;
  const probes =
    flagOf(context, 'multi-container-probing') === 'Enabled'
      ? [
          ...viaField('livenessProbe', validateProbe(container.livenessProbe, probed)),
          ...viaField('readinessProbe', validateReadinessProbe(container.readinessProbe, probed)),
          ...viaField('startupProbe', validateProbe(container.startupProbe, probed)),
        ]
      : PROBES.flatMap((probe) => viaField(probe, noProbe(container[probe])));
  return [...probes, ...validateContainer(container, 'sidecar', volumes, context)];
}

export function validateInitContainer(container: Container, volumes: Volumes, context: ServingContext): FieldError[] {
  const misplaced = [...PROBES, 'lifecycle' as const].filter((field) => isGiven(container[field]));
  return [
    ...misplaced.map((field) => fieldError('field not allowed in an init container', [field])),
    ...validateContainer(container, 'init', volumes, context),
  ];
}

function validateContainer(container: Container, role: Role, volumes: Volumes, context: ServingContext): FieldError[] {
  if (Object.values(container).every((value) => value === undefined)) return [missingField('')];
  const { name, terminationMessagePolicy = '' } = container;
  const ports = listOf(container.ports);
  return [
    ...onlyAllows(container, CONTAINER),
    ...(name === 'queue-proxy' ? [fieldError('"queue-proxy" is a reserved container name', ['name'])] : []),
    ...viaField('env', validateEnv(listOf(container.env), role, context)),
    ...viaField('envFrom', validateEnvFrom(listOf(container.envFrom))),
    ...validateImage(container.image ?? ''),
    ...viaField('ports', role === 'init' ? ports.flatMap(validatePort) : validateUserPort(ports[0])),
    ...viaField('resources', onlyAllows(container.resources, ['limits', 'requests'])),
    ...viaField('securityContext', validateSecurity(container.securityContext, context)),
    ...(['', 'File', 'FallbackToLogsOnError'].includes(terminationMessagePolicy)
      ? []
      : [invalidValue(terminationMessagePolicy, 'terminationMessagePolicy')]),
    ...viaField('volumeMounts', validateMounts(listOf(container.volumeMounts), volumes, context)),
  ];
}

function validateEnv(env: readonly EnvVar[], role: Role, context: ServingContext): FieldError[] {
  const reserved = role === 'serving' ? ['PORT', ...IDENTITY] : IDENTITY;
  const sources = ['configMapKeyRef', 'secretKeyRef'];
  const allowed =
    flagOf(context, 'kubernetes.podspec-fieldref') === 'Disabled'
      ? sources
      : [...sources, 'fieldRef', 'resourceFieldRef'];
  return env.flatMap((variable, i) =>
    viaIndex(i, [
      ...onlyAllows(variable, ['name', 'value', 'valueFrom']),
      ...((variable.name ?? '') === ''
        ? [missingField('name')]
        : reserved.includes(variable.name)
          ? [fieldError(`${JSON.stringify(variable.name)} is a reserved environment variable`, ['name'])]
          : []),
      ...viaField('valueFrom', onlyAllows(variable.valueFrom, allowed)),
    ]),
  );
}

function validateEnvFrom(sources: readonly EnvSource[]): FieldError[] {
  let errors: FieldError[] = [];
  sources.forEach((source, i) => {
    errors.push(...viaIndex(i, onlyAllows(source, ['prefix', 'configMapRef', 'secretRef'])));
    // A reference's index and name are put before all that was found so far, and not before what comes last.
    for (const kind of ['secretRef', 'configMapRef'] as const) {
      if (!isGiven(source[kind])) continue;
      const found = onlyAllows(source[kind], ['name', 'optional']);
      if (i < MOST_NESTED) errors = viaField(kind, viaIndex(i, [...errors, ...found]));
      else errors.push(...viaField(kind, viaIndex(i, found)));
    }
    const given = [source.configMapRef, source.secretRef].filter(isGiven);
    if (given.length === 2) errors.push(multipleOneOf('configMapRef', 'secretRef'));
    if (given.length === 0) errors.push(missingOneOf('configMapRef', 'secretRef'));
  });
  return errors;
}

/** Sidecars are not probed unless a flag says so; the fields that say how count as the probe itself. */
function noProbe(probe: Container['readinessProbe']): FieldError[] {
  return onlyAllows(probe, []).map((error) => ({
    ...error,
    paths: [...new Set(error.paths.map((path) => (HANDLERS.some((handler) => handler === path) ? '' : path)))],
  }));
}

function validateUserPort(port: Port | undefined): FieldError[] {
  if (port === undefined) return [];
  const { name = '', protocol = '' } = port;
  return [
    ...validatePort(port),
    ...(protocol === '' || protocol === 'TCP' ? [] : [invalidValue(protocol, 'protocol')]),
    ...(PORT_NAMES.includes(name)
      ? []
      : [fieldError(`Port name ${name} is not allowed`, [''], "Name must be empty, or one of: 'h2c', 'http1'")]),
  ];
}

function validatePort(port: Port): FieldError[] {
  const { containerPort = 0 } = port;
  return [
    ...onlyAllows(port, ['containerPort', 'name', 'protocol']),
    ...(RESERVED_PORTS.includes(containerPort)
      ? [
          invalidValue(
            `${containerPort} is a reserved port`,
            'containerPort',
            `${containerPort} is a reserved port, please use a different value`,
          ),
        ]
      : []),
    ...(containerPort < 0 || containerPort > 65_535 ? [outOfBounds(containerPort, 0, 65_535, 'containerPort')] : []),
  ];
}

/** Probes. Paths start at the probe. Source: reference section 1.7, "Probes". */
import type { Container } from '../../../api/core.ts';
import {
  invalidValue,
  missingOneOf,
  multipleOneOf,
  outOfBounds,
  viaField,
  type FieldError,
} from '../../../api/field-error.ts';
import { fieldError, HANDLERS, isGiven, onlyAllows } from './fields.ts';

type Probe = NonNullable<Container['readinessProbe']>;

/** Whose probe it is: requests' own container knows its port by name, a sidecar's probe must say one. */
export type ProbedContainer = { readonly serving: true; readonly portName: string } | { readonly serving: false };

const MAX_INT32 = 2 ** 31 - 1;
const PROBE = [
  ...HANDLERS,
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
  'terminationGracePeriodSeconds',
];

export function validateProbe(probe: Probe | undefined, container: ProbedContainer): FieldError[] {
  if (!isGiven(probe) || probe === undefined) return [];
  const { httpGet, tcpSocket, exec, grpc } = probe;
  const given = HANDLERS.filter((name) => isGiven(probe[name]));
  let errors = onlyAllows(probe, PROBE);
  // Each handler's name is put before all that was found so far; it shows only where there are several handlers.
  const handler = (name: string, found: readonly FieldError[], port: readonly FieldError[] = []): void => {
    errors = [...viaField(name, [...errors, ...found]), ...port];
  };
  if (isGiven(httpGet))
    handler(
      'httpGet',
      onlyAllows(httpGet, ['host', 'path', 'scheme', 'httpHeaders', 'port']),
      validatePort(httpGet?.port, 'httpGet.port', container),
    );
  if (isGiven(tcpSocket))
    handler(
      'tcpSocket',
      onlyAllows(tcpSocket, ['host', 'port']),
      validatePort(tcpSocket?.port, 'tcpSocket.port', container),
    );
  if (isGiven(exec)) handler('exec', onlyAllows(exec, ['command']));
  if (isGiven(grpc)) handler('grpc', onlyAllows(grpc, ['port', 'service']));
  if (given.length === 0) errors.push(missingOneOf(...HANDLERS));
  else if (given.length > 1) errors.push(multipleOneOf(...given.map((name) => (name === 'grpc' ? 'gRPC' : name))));
  return errors;
}

/** `periodSeconds: 0` asks for probing as often as is useful; thresholds in periods then make no sense. */
export function validateReadinessProbe(probe: Probe | undefined, container: ProbedContainer): FieldError[] {
  if (probe === undefined) return [];
  const errors = validateProbe(probe, container);
  const {
    periodSeconds = 0,
    initialDelaySeconds = 0,
    successThreshold = 0,
    failureThreshold = 0,
    timeoutSeconds = 0,
  } = probe;
  if (periodSeconds < 0) errors.push(outOfBounds(periodSeconds, 0, MAX_INT32, 'periodSeconds'));
  if (initialDelaySeconds < 0) errors.push(outOfBounds(initialDelaySeconds, 0, MAX_INT32, 'initialDelaySeconds'));
  if (successThreshold < 1) errors.push(outOfBounds(successThreshold, 1, MAX_INT32, 'successThreshold'));
  const counted = { failureThreshold, timeoutSeconds };
  for (const [field, value] of Object.entries(counted)) {
    if (periodSeconds === 0 && value !== 0)
      errors.push(fieldError(`${field} is disallowed when periodSeconds is zero`, [field]));
    if (periodSeconds !== 0 && value < 1) errors.push(outOfBounds(value, 1, MAX_INT32, field));
  }
  return errors;
}

function validatePort(given: unknown, path: string, container: ProbedContainer): FieldError[] {
  const port = typeof given === 'number' || typeof given === 'string' ? given : 0;
  if (container.serving)
    return typeof port === 'string' && port !== '' && port !== container.portName
      ? [invalidValue(port, path, 'Probe port must match container port')]
      : [];
  return port === '' || port === 0 ? [invalidValue(String(port), path, 'Probe port must be specified')] : [];
}

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
import { fieldError, isSet, onlyAllows } from './fields.ts';

type Probe = NonNullable<Container['readinessProbe']>;

/** Whose probe it is: requests' own container knows its port by name, a sidecar's probe must say one. */
export type ProbedContainer = { readonly serving: true; readonly portName: string } | { readonly serving: false };

const MAX_INT32 = 2 ** 31 - 1;
const HANDLERS = ['httpGet', 'tcpSocket', 'exec', 'grpc'] as const;
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
  if (probe === undefined) return [];
  const given = HANDLERS.filter((name) => probe[name] !== undefined);
  return [
    ...onlyAllows(probe, PROBE),
    ...viaField('httpGet', onlyAllows(probe.httpGet, ['host', 'path', 'scheme', 'httpHeaders', 'port'])),
    ...viaField('tcpSocket', onlyAllows(probe.tcpSocket, ['host', 'port'])),
    ...viaField('exec', onlyAllows(probe.exec, ['command'])),
    ...viaField('grpc', onlyAllows(probe.grpc, ['port', 'service'])),
    ...(probe.httpGet === undefined ? [] : validatePort(probe.httpGet.port, 'httpGet.port', container)),
    ...(probe.tcpSocket === undefined ? [] : validatePort(probe.tcpSocket.port, 'tcpSocket.port', container)),
    ...(given.length === 0 ? [missingOneOf(...HANDLERS)] : given.length > 1 ? [multipleOneOf(...given)] : []),
  ];
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
  const port = typeof given === 'number' || typeof given === 'string' ? given : '';
  if (container.serving)
    return typeof port === 'string' && port !== '' && port !== container.portName
      ? [invalidValue(port, path, 'Probe port must match container port')]
      : [];
  return isSet(port) ? [] : [invalidValue(String(port === '' ? 0 : port), path, 'Probe port must be specified')];
}

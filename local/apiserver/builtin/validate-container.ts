/** Validation of containers. Source: the Kubernetes API reference, "Container". */
import { dns1123Label, envVarName, portName } from '../schema/names.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  type FieldProblem,
} from '../schema/problems.ts';
import {
  checkName,
  checkNonNegative,
  checkOneOf,
  checkPortNumber,
  checkPortReference,
  checkRequiredName,
  fieldAt,
  itemsAt,
  textAt,
} from './check.ts';
import { fieldsOf, type Fields } from './fill.ts';
import { compareQuantities } from './quantity.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'];

export interface ContainerScope {
  /** Names of containers seen so far in the pod: they are unique across all lists. */
  readonly names: Set<string>;
  /** Names of the pod's volumes. */
  readonly volumes: ReadonlySet<string>;
  readonly init: boolean;
}

export function checkContainer(container: Fields, path: string, scope: ContainerScope, problems: FieldProblem[]): void {
  const name = textAt(container, 'name');
  checkRequiredName(name, `${path}.name`, problems, dns1123Label);
  if (name !== '' && scope.names.has(name)) problems.push(duplicate(`${path}.name`, name));
  scope.names.add(name);
  const image = textAt(container, 'image');
  if (image === '') problems.push(required(`${path}.image`));
  else if (image.trim() !== image)
    problems.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  if (container.imagePullPolicy !== undefined)
    checkOneOf(container.imagePullPolicy, PULL_POLICIES, `${path}.imagePullPolicy`, problems);
  checkPorts(itemsAt(container, 'ports'), `${path}.ports`, problems);
  itemsAt(container, 'env').forEach((variable, index) => checkVariable(variable, `${path}.env[${index}]`, problems));
  itemsAt(container, 'envFrom').forEach((source, index) => {
    const given = ['configMapRef', 'secretRef'].filter((key) => source[key] !== undefined);
    const at = `${path}.envFrom[${index}]`;
    if (given.length === 0) problems.push(invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (given.length > 1) problems.push(invalid(at, '', 'may not have more than one field specified at a time'));
    else if (textAt(fieldAt(source, given[0] ?? ''), 'name') === '') problems.push(required(`${at}.${given[0]}.name`));
  });
  checkMounts(itemsAt(container, 'volumeMounts'), `${path}.volumeMounts`, scope, problems);
  checkResources(fieldAt(container, 'resources'), `${path}.resources`, problems);
  const sidecar = container.restartPolicy === 'Always';
  for (const key of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = fieldsOf(container[key]);
    if (probe === undefined) continue;
    if (scope.init && !sidecar)
      problems.push(forbidden(`${path}.${key}`, 'may not be set for init containers without restartPolicy=Always'));
    else checkProbe(probe, key, `${path}.${key}`, problems);
  }
  const lifecycle = fieldsOf(container.lifecycle);
  if (lifecycle !== undefined && scope.init && !sidecar)
    problems.push(forbidden(`${path}.lifecycle`, 'may not be set for init containers without restartPolicy=Always'));
  else
    for (const key of ['postStart', 'preStop']) {
      const handler = fieldsOf(lifecycle?.[key]);
      if (handler !== undefined) checkHandler(handler, `${path}.lifecycle.${key}`, problems);
    }
}

function checkPorts(ports: readonly Fields[], path: string, problems: FieldProblem[]): void {
  const names = new Set<string>();
  ports.forEach((port, index) => {
    const at = `${path}[${index}]`;
    const name = textAt(port, 'name');
    if (name !== '') {
      checkName(portName, name, `${at}.name`, problems);
      if (names.has(name)) problems.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (port.containerPort === undefined || port.containerPort === 0) problems.push(required(`${at}.containerPort`));
    else checkPortNumber(port.containerPort, `${at}.containerPort`, problems);
    if (port.hostPort !== undefined && port.hostPort !== 0) checkPortNumber(port.hostPort, `${at}.hostPort`, problems);
    checkOneOf(port.protocol, PROTOCOLS, `${at}.protocol`, problems);
  });
}

function checkVariable(variable: Fields, path: string, problems: FieldProblem[]): void {
  checkRequiredName(textAt(variable, 'name'), `${path}.name`, problems, envVarName);
  const from = fieldsOf(variable.valueFrom);
  if (from === undefined) return;
  const at = `${path}.valueFrom`;
  const given = SOURCES.filter((key) => from[key] !== undefined);
  if (textAt(variable, 'value') !== '')
    problems.push(invalid(at, '', 'may not be specified when `value` is not empty'));
  if (given.length === 0)
    problems.push(
      invalid(at, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'),
    );
  if (given.length > 1) problems.push(invalid(at, '', 'may not have more than one field specified at a time'));
  for (const key of ['configMapKeyRef', 'secretKeyRef']) {
    const reference = fieldsOf(from[key]);
    if (reference === undefined) continue;
    if (textAt(reference, 'name') === '') problems.push(required(`${at}.${key}.name`));
    if (textAt(reference, 'key') === '') problems.push(required(`${at}.${key}.key`));
  }
  const field = fieldsOf(from.fieldRef);
  if (field !== undefined && textAt(field, 'fieldPath') === '') problems.push(required(`${at}.fieldRef.fieldPath`));
  const resource = fieldsOf(from.resourceFieldRef);
  if (resource !== undefined && textAt(resource, 'resource') === '')
    problems.push(required(`${at}.resourceFieldRef.resource`));
}

function checkMounts(mounts: readonly Fields[], path: string, scope: ContainerScope, problems: FieldProblem[]): void {
  const seen = new Set<string>();
  mounts.forEach((mount, index) => {
    const at = `${path}[${index}]`;
    const name = textAt(mount, 'name');
    if (name === '') problems.push(required(`${at}.name`));
    else if (!scope.volumes.has(name)) problems.push(notFound(`${at}.name`, name));
    const mountPath = textAt(mount, 'mountPath');
    if (mountPath === '') problems.push(required(`${at}.mountPath`));
    else if (seen.has(mountPath)) problems.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    seen.add(mountPath);
    const subPath = textAt(mount, 'subPath');
    if (subPath.startsWith('/')) problems.push(invalid(`${at}.subPath`, subPath, 'must be a relative path'));
    if (subPath.split('/').includes('..')) problems.push(invalid(`${at}.subPath`, subPath, "must not contain '..'"));
  });
}

function checkResources(resources: Fields, path: string, problems: FieldProblem[]): void {
  const limits = fieldAt(resources, 'limits');
  const requests = fieldAt(resources, 'requests');
  for (const [list, values] of [
    ['limits', limits],
    ['requests', requests],
  ] as const)
    for (const [name, value] of Object.entries(values))
      if (typeof value === 'string' && (compareQuantities(value, '0') ?? 0) < 0)
        problems.push(invalid(`${path}.${list}[${name}]`, value, 'must be greater than or equal to 0'));
  for (const [name, value] of Object.entries(requests)) {
    const limit = limits[name];
    if (typeof value !== 'string' || typeof limit !== 'string') continue;
    if ((compareQuantities(value, limit) ?? 0) > 0)
      problems.push(invalid(`${path}.requests`, value, `must be less than or equal to ${name} limit of ${limit}`));
  }
}

function checkProbe(probe: Fields, kind: string, path: string, problems: FieldProblem[]): void {
  checkHandler(probe, path, problems);
  checkNonNegative(
    probe,
    ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'],
    path,
    problems,
  );
  const grace = probe.terminationGracePeriodSeconds;
  if (typeof grace === 'number' && grace <= 0)
    problems.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  if (kind !== 'readinessProbe' && typeof probe.successThreshold === 'number' && probe.successThreshold !== 1)
    problems.push(invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
}

function checkHandler(handler: Fields, path: string, problems: FieldProblem[]): void {
  const given = HANDLERS.filter((key) => handler[key] !== undefined);
  if (given.length === 0) problems.push(required(path, 'must specify a handler type'));
  for (const extra of given.slice(1))
    problems.push(forbidden(`${path}.${extra}`, 'may not specify more than 1 handler type'));
  const get = fieldsOf(handler.httpGet);
  if (get !== undefined) {
    if (textAt(get, 'path') === '') problems.push(required(`${path}.httpGet.path`));
    checkPortReference(get.port, `${path}.httpGet.port`, problems);
    if (get.scheme !== 'HTTP' && get.scheme !== 'HTTPS')
      problems.push(notSupported(`${path}.httpGet.scheme`, get.scheme, ['HTTP', 'HTTPS']));
    itemsAt(get, 'httpHeaders').forEach((header, index) => {
      if (!/^[-A-Za-z0-9!#$%&'*+.^_`|~]+$/.test(textAt(header, 'name')))
        problems.push(
          invalid(
            `${path}.httpGet.httpHeaders[${index}].name`,
            textAt(header, 'name'),
            "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
          ),
        );
    });
  }
  const socket = fieldsOf(handler.tcpSocket);
  if (socket !== undefined) checkPortReference(socket.port, `${path}.tcpSocket.port`, problems);
  const grpc = fieldsOf(handler.grpc);
  if (grpc !== undefined) checkPortNumber(grpc.port, `${path}.grpc.port`, problems);
  const exec = fieldsOf(handler.exec);
  if (exec !== undefined && !(Array.isArray(exec.command) && exec.command.length > 0))
    problems.push(required(`${path}.exec.command`));
}

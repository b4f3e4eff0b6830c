/** The environment of a container. Source: Kubernetes "Define Environment Variables", "Dependent variables". */
import type { ConfigMap, Container, Pod, Secret, Service } from '../../../api/core.ts';
import { NodeError } from '../errors.ts';
import { fieldValue, resourceValue, type PodFacts } from './downward.ts';

export interface EnvironmentSources {
  readonly facts: PodFacts;
  readonly configMap: (name: string) => ConfigMap | undefined;
  readonly secret: (name: string) => Secret | undefined;
  /** Services of the pod's namespace. */
  readonly services: readonly Service[];
  /** The API server as pods reach it. */
  readonly apiHost: string;
  readonly apiPort: string;
}

/** @throws NodeError CreateContainerConfigError when a map, secret or key that is not optional is missing */
export function buildEnvironment(pod: Pod, container: Container, sources: EnvironmentSources): Record<string, string> {
  const env: Record<string, string> = {};
  Object.assign(env, {
    KUBERNETES_SERVICE_HOST: sources.apiHost,
    KUBERNETES_SERVICE_PORT: sources.apiPort,
    KUBERNETES_SERVICE_PORT_HTTPS: sources.apiPort,
  });
  if (pod.spec?.enableServiceLinks !== false)
    for (const service of sources.services) Object.assign(env, serviceVariables(service));
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data =
      configMapRef !== undefined
        ? (found(sources.configMap, 'configmap', configMapRef)?.data ?? {})
        : decode(secretRef === undefined ? undefined : found(sources.secret, 'secret', secretRef)?.data);
    for (const [key, value] of Object.entries(data)) if (!key.includes('=') && key !== '') env[prefix + key] = value;
  }
  for (const variable of container.env ?? []) {
    const value =
      variable.valueFrom === undefined || variable.valueFrom === null
        ? expand(variable.value ?? '', env)
        : valueFrom(pod, container, variable.valueFrom, sources);
    if (value !== undefined) env[variable.name] = value;
  }
  return env;
}

type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

function valueFrom(pod: Pod, container: Container, from: ValueFrom, sources: EnvironmentSources): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = from;
  if (fieldRef !== undefined) return fieldValue(pod, fieldRef.fieldPath, sources.facts);
  if (resourceFieldRef !== undefined) {
    const { containerName, resource, divisor } = resourceFieldRef;
    const other = pod.spec?.containers.find((one) => one.name === containerName);
    return resourceValue(other ?? container, resource, divisor, sources.facts);
  }
  if (configMapKeyRef !== undefined)
    return keyOf(found(sources.configMap, 'configmap', configMapKeyRef)?.data, 'ConfigMap', pod, configMapKeyRef);
  if (secretKeyRef !== undefined)
    return keyOf(decode(found(sources.secret, 'secret', secretKeyRef)?.data), 'Secret', pod, secretKeyRef);
  return undefined;
}

interface Reference {
  readonly name?: string;
  readonly optional?: boolean;
}

function found<T>(get: (name: string) => T | undefined, kind: string, reference: Reference): T | undefined {
  const object = get(reference.name ?? '');
  if (object === undefined && reference.optional !== true)
    throw new NodeError('CreateContainerConfigError', `${kind} "${reference.name ?? ''}" not found`);
  return object;
}

function keyOf(
  data: Readonly<Record<string, string>> | undefined,
  kind: string,
  pod: Pod,
  reference: Reference & { readonly key: string },
): string | undefined {
  const value = data?.[reference.key];
  if (value === undefined && reference.optional !== true)
    throw new NodeError(
      'CreateContainerConfigError',
      `couldn't find key ${reference.key} in ${kind} ${pod.metadata.namespace ?? ''}/${reference.name ?? ''}`,
    );
  return value;
}

function decode(data: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

/** `$(NAME)` of a known variable; `$$` is a dollar; everything else stays as it is. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}

/** Docker-link variables of a Service that has an address. */
export function serviceVariables(service: Service): Record<string, string> {
  const host = service.spec?.clusterIP;
  const ports = service.spec?.ports ?? [];
  const first = ports[0];
  if (host === undefined || host === '' || host === 'None' || first === undefined) return {};
  const prefix = service.metadata.name.toUpperCase().replaceAll('-', '_');
  const env: Record<string, string> = {
    [`${prefix}_SERVICE_HOST`]: host,
    [`${prefix}_SERVICE_PORT`]: String(first.port),
    [`${prefix}_PORT`]: `${(first.protocol ?? 'TCP').toLowerCase()}://${host}:${first.port}`,
  };
  for (const { name, port, protocol = 'TCP' } of ports) {
    if (name !== undefined && name !== '')
      env[`${prefix}_SERVICE_PORT_${name.toUpperCase().replaceAll('-', '_')}`] = String(port);
    const link = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    env[link] = `${protocol.toLowerCase()}://${host}:${port}`;
    env[`${link}_PROTO`] = protocol.toLowerCase();
    env[`${link}_PORT`] = String(port);
    env[`${link}_ADDR`] = host;
  }
  return env;
}

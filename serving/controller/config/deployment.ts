/** config-deployment: how Revisions become Deployments. Keys of the queue-proxy sidecar are accepted and unused. */
import { isQuantity } from '../../../kube/quantity.ts';
import { bool, ConfigError, duration, isRecord, stringMap, text, words, yaml, type ConfigData } from './parse.ts';

export interface RuntimeClass {
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
}

export interface DeploymentConfig {
  readonly registriesSkippingTagResolving: readonly string[];
  /** Milliseconds. */
  readonly digestResolutionTimeout: number;
  readonly progressDeadline: number;
  readonly spreadOverNodes: boolean;
  readonly runtimeClasses: readonly RuntimeClass[];
  readonly podIsAlwaysSchedulable: boolean;
}

/** @throws ConfigError */
export function parseDeployment(data: ConfigData): DeploymentConfig {
  const digestResolutionTimeout = duration(data, 10_000, 'digest-resolution-timeout', 'digestResolutionTimeout');
  if (digestResolutionTimeout <= 0)
    throw new ConfigError(
      `digest-resolution-timeout cannot be a non-positive duration, was ${data['digest-resolution-timeout'] ?? ''}`,
    );
  const progressDeadline = duration(data, 600_000, 'progress-deadline', 'progressDeadline');
  if (progressDeadline <= 0)
    throw new ConfigError(
      `progress-deadline cannot be a non-positive duration, was ${data['progress-deadline'] ?? ''}`,
    );
  if (progressDeadline % 1_000 !== 0)
    throw new ConfigError(
      `progress-deadline must be rounded to a whole second, was: ${data['progress-deadline'] ?? ''}`,
    );
  const affinity = text(data, 'prefer-spread-revision-over-nodes', 'default-affinity-type');
  if (affinity !== 'prefer-spread-revision-over-nodes' && affinity !== 'none')
    throw new ConfigError(`unsupported default-affinity-type value: ${affinity}`);
  for (const resource of ['cpu', 'memory', 'ephemeral-storage'])
    for (const what of ['request', 'limit']) {
      const value = data[`queue-sidecar-${resource}-${what}`];
      if (value !== undefined && value !== '' && !isQuantity(value))
        throw new ConfigError(`failed to parse "queue-sidecar-${resource}-${what}": "${value}" is not a quantity`);
    }
  return {
    registriesSkippingTagResolving: words(
      data,
      ['kind.local', 'ko.local', 'dev.local'],
      'registries-skipping-tag-resolving',
      'registriesSkippingTagResolving',
    ),
    digestResolutionTimeout,
    progressDeadline,
    spreadOverNodes: affinity !== 'none',
    runtimeClasses: runtimeClasses(data),
    podIsAlwaysSchedulable: bool(data, false, 'pod-is-always-schedulable'),
  };
}

/** The runtime class of a Revision: the most specific selector that its labels match, ties by name. */
export function runtimeClassFor(
  config: DeploymentConfig,
  labels: Readonly<Record<string, string>>,
): string | undefined {
  return config.runtimeClasses
    .filter(({ selector }) => Object.entries(selector).every(([key, value]) => labels[key] === value))
    .sort((a, b) => Object.keys(b.selector).length - Object.keys(a.selector).length || (a.name < b.name ? -1 : 1))[0]
    ?.name;
}

function runtimeClasses(data: ConfigData): RuntimeClass[] {
  const value = yaml(data, 'runtime-class-name');
  if (value === undefined) return [];
  if (typeof value === 'string') return [{ name: value, selector: {} }];
  if (!isRecord(value))
    throw new ConfigError('failed to parse "runtime-class-name": expected a map of class to selector');
  return Object.entries(value).map(([name, entry]) => {
    const selector = stringMap(isRecord(entry) ? entry.selector : undefined);
    if (selector === undefined || (entry !== null && !isRecord(entry)))
      throw new ConfigError(`failed to parse "runtime-class-name": the selector of "${name}" is not a map of strings`);
    return { name, selector };
  });
}

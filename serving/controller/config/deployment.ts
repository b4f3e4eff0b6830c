/** config-deployment: how Revisions become Deployments. Keys of the queue-proxy sidecar are accepted and unused. */
import { formatDuration } from '../../../kube/go-duration.ts';
import { dns1123Subdomain, labelValue, qualifiedName } from '../validation/names.ts';
import {
  bool,
  ConfigError,
  duration,
  isRecord,
  notOfType,
  quantity,
  stringMap,
  words,
  yaml,
  type ConfigData,
} from './parse.ts';

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

const RESOURCES = ['CPU', 'Memory', 'EphemeralStorage'];
const SIDECAR_TEXTS = ['min-version', 'max-version', 'cipher-suites', 'curve-preferences'].map(
  (name) => `queue-sidecar-tls-${name}`,
);

/** Every key of config-deployment; those of the sidecar are checked and otherwise unused. */
export const DEPLOYMENT_KEYS: readonly string[] = [
  'registries-skipping-tag-resolving',
  'digest-resolution-timeout',
  'progress-deadline',
  'default-affinity-type',
  'runtime-class-name',
  'pod-is-always-schedulable',
  'queue-sidecar-image',
  ...['request', 'limit'].flatMap((what) =>
    ['cpu', 'memory', 'ephemeral-storage'].map((resource) => `queue-sidecar-${resource}-${what}`),
  ),
  'queue-sidecar-token-audiences',
  'queue-sidecar-rootca',
  ...SIDECAR_TEXTS,
];

/** @throws ConfigError */
export function parseDeployment(data: ConfigData): DeploymentConfig {
  const progressDeadline = duration(data, 600_000, 'progress-deadline', 'progressDeadline');
  const digestResolutionTimeout = duration(data, 10_000, 'digest-resolution-timeout', 'digestResolutionTimeout');
  for (const what of ['Request', 'Limit'])
    for (const resource of RESOURCES)
      quantity(data, `queue-sidecar-${dashed(resource)}-${what.toLowerCase()}`, `queueSidecar${resource}${what}`);
  const podIsAlwaysSchedulable = bool(data, false, 'pod-is-always-schedulable');
  if (progressDeadline <= 0)
    throw new ConfigError(
      `progress-deadline cannot be a non-positive duration, was ${formatDuration(progressDeadline)}`,
    );
  if (progressDeadline % 1_000 !== 0)
    throw new ConfigError(
      `progress-deadline must be rounded to a whole second, was: ${formatDuration(progressDeadline)}`,
    );
  if (digestResolutionTimeout <= 0)
    throw new ConfigError(
      `digest-resolution-timeout cannot be a non-positive duration, was ${formatDuration(digestResolutionTimeout)}`,
    );
  const affinity = data['default-affinity-type'] ?? 'prefer-spread-revision-over-nodes';
  if (affinity !== 'prefer-spread-revision-over-nodes' && affinity !== 'none')
    throw new ConfigError(`unsupported default-affinity-type value: ${JSON.stringify(affinity)}`);
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
    podIsAlwaysSchedulable,
  };
}

function dashed(resource: string): string {
  return resource === 'EphemeralStorage' ? 'ephemeral-storage' : resource.toLowerCase();
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
  const key = 'runtime-class-name';
  const value = yaml(data, key);
  if (value === undefined || value === null) return [];
  if (!isRecord(value)) {
    const { message } = notOfType(value, 'map[string]deployment.RuntimeClassNameLabelSelector');
    throw new ConfigError(`${key} cannot be parsed, please check the format: ${message}`);
  }
  return Object.entries(value).map(([name, entry]) => {
    const selector = stringMap(isRecord(entry) ? entry.selector : undefined);
    if (selector === undefined || (entry !== null && !isRecord(entry)))
      throw new ConfigError(
        `${key} cannot be parsed, please check the format: the selector of ${JSON.stringify(name)} is not a map of strings`,
      );
    const problems = dns1123Subdomain(name);
    if (problems.length > 0)
      throw new ConfigError(`${key} ${name} selector not valid DNSSubdomain: [${problems.join(' ')}]`);
    for (const [label, wanted] of Object.entries(selector)) {
      const wrong = qualifiedName(label).length > 0 ? label : labelValue(wanted).length > 0 ? wanted : undefined;
      if (wrong !== undefined)
        throw new ConfigError(`${key} ${name} selector invalid: ${JSON.stringify(wrong)} cannot be in a label`);
    }
    return { name, selector };
  });
}

/** config-defaults: what a Revision gets when its author says nothing. Source: reference section 5. */
import { isQuantity } from '../../../kube/quantity.ts';
import { bool, ConfigError, integer, text, type ConfigData } from './parse.ts';
import { compileTemplate, type Template } from './template.ts';

export const RESOURCE_NAMES = ['cpu', 'memory', 'ephemeral-storage'] as const;

export interface DefaultsConfig {
  /** Seconds. */
  readonly revisionTimeout: number;
  readonly maxRevisionTimeout: number;
  readonly revisionResponseStartTimeout: number;
  readonly revisionIdleTimeout: number;
  /** Quantities by resource name. */
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
  readonly containerName: Template;
  readonly initContainerName: Template;
  readonly containerConcurrency: number;
  readonly containerConcurrencyMax: number;
  readonly allowContainerConcurrencyZero: boolean;
  /** undefined leaves the field to Kubernetes. */
  readonly enableServiceLinks: boolean | undefined;
}

/** @throws ConfigError */
export function parseDefaults(data: ConfigData): DefaultsConfig {
  const revisionTimeout = integer(data, 300, 'revision-timeout-seconds');
  const maxRevisionTimeout = integer(data, 600, 'max-revision-timeout-seconds');
  if (revisionTimeout > maxRevisionTimeout)
    throw new ConfigError(
      `revision-timeout-seconds (${revisionTimeout}) cannot be greater than max-revision-timeout-seconds (${maxRevisionTimeout})`,
    );
  const revisionResponseStartTimeout = integer(data, revisionTimeout, 'revision-response-start-timeout-seconds');
  if (revisionTimeout > 0 && revisionResponseStartTimeout > revisionTimeout)
    throw new ConfigError(
      `revision-response-start-timeout-seconds (${revisionResponseStartTimeout}) cannot be greater than revision-timeout-seconds (${revisionTimeout})`,
    );
  const revisionIdleTimeout = integer(data, 0, 'revision-idle-timeout-seconds');
  if (revisionTimeout > 0 && revisionIdleTimeout > revisionTimeout)
    throw new ConfigError(
      `revision-idle-timeout-seconds (${revisionIdleTimeout}) cannot be greater than revision-timeout-seconds (${revisionTimeout})`,
    );
  const containerConcurrency = integer(data, 0, 'container-concurrency');
  const containerConcurrencyMax = integer(data, 1000, 'container-concurrency-max-limit');
  if (containerConcurrencyMax < 1)
    throw new ConfigError(`container-concurrency-max-limit must be at least 1, was: ${containerConcurrencyMax}`);
  if (containerConcurrency < 0 || containerConcurrency > containerConcurrencyMax)
    throw new ConfigError(`expected 0 <= ${containerConcurrency} <= ${containerConcurrencyMax}: container-concurrency`);
  const links = text(data, 'false', 'enable-service-links').toLowerCase();
  const templates = {
    containerName: compileTemplate(data['container-name-template'] ?? 'user-container'),
    initContainerName: compileTemplate(data['init-container-name-template'] ?? 'init-container'),
  };
  for (const template of Object.values(templates)) template.render(templateData({}));
  return {
    revisionTimeout,
    maxRevisionTimeout,
    revisionResponseStartTimeout,
    revisionIdleTimeout,
    requests: quantities(data, 'request'),
    limits: quantities(data, 'limit'),
    ...templates,
    containerConcurrency,
    containerConcurrencyMax,
    allowContainerConcurrencyZero: bool(data, true, 'allow-container-concurrency-zero'),
    enableServiceLinks: links === 'true' ? true : links === 'false' ? false : undefined,
  };
}

/** What a container name template may refer to: the parent's metadata under Go's field names. */
export function templateData(metadata: {
  name?: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}): Record<string, unknown> {
  return {
    Name: metadata.name ?? '',
    Namespace: metadata.namespace ?? '',
    GenerateName: metadata.generateName ?? '',
    UID: metadata.uid ?? '',
    Labels: metadata.labels ?? {},
    Annotations: metadata.annotations ?? {},
  };
}

function quantities(data: ConfigData, what: 'request' | 'limit'): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of RESOURCE_NAMES) {
    const key = `revision-${name}-${what}`;
    const value = data[key];
    if (value === undefined || value === '') continue;
    if (!isQuantity(value)) throw new ConfigError(`failed to parse "${key}": "${value}" is not a quantity`);
    found[name] = value;
  }
  return found;
}

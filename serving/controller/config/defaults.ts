/** config-defaults: what a Revision gets when its author says nothing. Source: reference section 5. */
import { bool, ConfigError, integer, quantity, type ConfigData } from './parse.ts';
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
  const initContainerName = compileTemplate(
    'container-template',
    data['init-container-name-template'] ?? 'init-container',
  );
  const containerName = compileTemplate('container-template', data['container-name-template'] ?? 'user-container');
  const allowContainerConcurrencyZero = bool(data, true, 'allow-container-concurrency-zero');
  const links = (data['enable-service-links'] ?? 'false').toLowerCase();
  const revisionTimeout = integer(data, 300, 'revision-timeout-seconds');
  const maxRevisionTimeout = integer(data, 600, 'max-revision-timeout-seconds');
  const revisionIdleTimeout = integer(data, 0, 'revision-idle-timeout-seconds');
  const containerConcurrency = integer(data, 0, 'container-concurrency');
  const containerConcurrencyMax = integer(data, 1000, 'container-concurrency-max-limit');
  const requests = quantities(data, 'request');
  const limits = quantities(data, 'limit');
  const revisionResponseStartTimeout = integer(data, revisionTimeout, 'revision-response-start-timeout-seconds');
  if (revisionTimeout > maxRevisionTimeout)
    throw new ConfigError(
      `revision-timeout-seconds (${revisionTimeout}) cannot be greater than max-revision-timeout-seconds (${maxRevisionTimeout})`,
    );
  within('revision-response-start-timeout-seconds', revisionResponseStartTimeout, revisionTimeout);
  within('revision-idle-timeout-seconds', revisionIdleTimeout, revisionTimeout);
  if (containerConcurrencyMax < 1)
    throw new ConfigError(
      `expected 1 <= ${containerConcurrencyMax} <= ${2 ** 31 - 1}: container-concurrency-max-limit`,
    );
  if (containerConcurrency < 0 || containerConcurrency > containerConcurrencyMax)
    throw new ConfigError(`expected 0 <= ${containerConcurrency} <= ${containerConcurrencyMax}: container-concurrency`);
  for (const template of [containerName, initContainerName]) tryTemplate(template);
  return {
    revisionTimeout,
    maxRevisionTimeout,
    revisionResponseStartTimeout,
    revisionIdleTimeout,
    requests,
    limits,
    containerName,
    initContainerName,
    containerConcurrency,
    containerConcurrencyMax,
    allowContainerConcurrencyZero,
    enableServiceLinks: links === 'true' ? true : links === 'false' ? false : undefined,
  };
}

function within(key: string, seconds: number, timeout: number): void {
  if (seconds > 0 && seconds > timeout)
    throw new ConfigError(`${key} (${seconds}) cannot be greater than revision-timeout-seconds (${timeout})`);
}

function tryTemplate(template: Template): void {
  try {
    template.render(templateData({}));
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`error executing template: ${error.message}`);
    throw error;
  }
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
    const value = quantity(data, `revision-${name}-${what}`);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

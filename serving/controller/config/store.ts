/** The ConfigMaps as reconcilers read them: parsed once a change; a map that does not parse leaves the last good one. */
import type { ConfigMap } from '../../../api/core.ts';
import type { Lister } from '../../../kube/informer.ts';
import type { Logger } from '../../../kube/log.ts';
import { parseAutoscalerLimits, type AutoscalerLimits } from './autoscaler.ts';
import { parseCertManager, type CertManagerConfig } from './cert-manager.ts';
import { parseDefaults, type DefaultsConfig } from './defaults.ts';
import { parseDeployment, type DeploymentConfig } from './deployment.ts';
import { parseDomain, type DomainConfig } from './domain.ts';
import { parseFeatures, type FeaturesConfig } from './features.ts';
import { parseGc, type GcConfig } from './gc.ts';
import { parseNetwork, type NetworkConfig } from './network.ts';
import { parseObservability, type ObservabilityConfig } from './observability.ts';
import type { ConfigData } from './parse.ts';

interface Entry {
  readonly data: ConfigData | undefined;
  readonly value: unknown;
}

export class ConfigStore {
  readonly #maps: Pick<Lister<ConfigMap>, 'get'>;
  readonly #namespace: string;
  readonly #log: Logger;
  readonly #parsed = new Map<string, Entry>();

  constructor(maps: Pick<Lister<ConfigMap>, 'get'>, namespace: string, log: Logger) {
    this.#maps = maps;
    this.#namespace = namespace;
    this.#log = log;
  }

  get autoscaler(): AutoscalerLimits {
    return this.#read('config-autoscaler', parseAutoscalerLimits);
  }
  get certManager(): CertManagerConfig {
    return this.#read('config-certmanager', parseCertManager);
  }
  get defaults(): DefaultsConfig {
    return this.#read('config-defaults', parseDefaults);
  }
  get deployment(): DeploymentConfig {
    return this.#read('config-deployment', parseDeployment);
  }
  get domain(): DomainConfig {
    return this.#read('config-domain', parseDomain);
  }
  get features(): FeaturesConfig {
    return this.#read('config-features', parseFeatures);
  }
  get gc(): GcConfig {
    return this.#read('config-gc', parseGc);
  }
  get network(): NetworkConfig {
    return this.#read('config-network', parseNetwork);
  }
  get observability(): ObservabilityConfig {
    return this.#read('config-observability', parseObservability);
  }

  #read<C>(name: string, parse: (data: ConfigData) => C): C {
    const data = this.#maps.get(this.#namespace, name)?.data;
    const known = this.#parsed.get(name);
    if (known !== undefined && known.data === data) return known.value as C;
    let value: C;
    try {
      value = parse(withoutExample(data));
    } catch (error) {
      this.#log.error('invalid ConfigMap, keeping what was in force', { configMap: name, error });
      value = known === undefined ? parse({}) : (known.value as C);
    }
    this.#parsed.set(name, { data, value });
    return value;
  }
}

export function withoutExample(data: ConfigData | undefined): ConfigData {
  if (data === undefined) return {};
  const { _example: _, ...rest } = data;
  return rest;
}

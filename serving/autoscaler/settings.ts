/** The ConfigMaps that the autoscaler follows, parsed once a change; a broken one leaves the last good values. */
import type { ConfigMap } from '../../api/core.ts';
import type { Lister } from '../../kube/informer.ts';
import type { Logger } from '../../kube/log.ts';
import { DEFAULT_CONFIG, parseAutoscalerConfig, type AutoscalerConfig } from './config.ts';
import { parseDuration } from '../../kube/go-duration.ts';
import { ConfigError } from './errors.ts';

export interface SettingValues {
  readonly autoscaler: AutoscalerConfig;
  /** How long a deployment may take, of revisions that do not say; ms. */
  readonly progressDeadline: number;
}

const PROGRESS_DEADLINE = 600_000;

export class Settings {
  readonly #maps: Lister<ConfigMap>;
  readonly #namespace: string;
  readonly #log: Logger;
  #seen: (ConfigMap | undefined)[] = [];
  #values: SettingValues = { autoscaler: DEFAULT_CONFIG, progressDeadline: PROGRESS_DEADLINE };

  constructor(maps: Lister<ConfigMap>, namespace: string, log: Logger) {
    this.#maps = maps;
    this.#namespace = namespace;
    this.#log = log;
  }

  current(): SettingValues {
    const autoscaler = this.#maps.get(this.#namespace, 'config-autoscaler');
    const deployment = this.#maps.get(this.#namespace, 'config-deployment');
    if (autoscaler === this.#seen[0] && deployment === this.#seen[1]) return this.#values;
    this.#seen = [autoscaler, deployment];
    this.#values = {
      autoscaler: this.#parse(autoscaler),
      progressDeadline: progressDeadlineOf(deployment) ?? this.#values.progressDeadline,
    };
    return this.#values;
  }

  #parse(map: ConfigMap | undefined): AutoscalerConfig {
    try {
      return parseAutoscalerConfig(map?.data ?? {});
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#log.error('config-autoscaler is not valid, the values before it stay', { error });
      return this.#values.autoscaler;
    }
  }
}

function progressDeadlineOf(map: ConfigMap | undefined): number | undefined {
  const text = map?.data?.['progress-deadline'];
  if (text === undefined) return PROGRESS_DEADLINE;
  const value = parseDuration(text);
  return value !== undefined && value > 0 ? value : undefined;
}

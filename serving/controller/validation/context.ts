/** What defaulting and validation must know beside the object: the request and the ConfigMaps in force. */
import { SERVING_NAMESPACE } from '../../../api/zeroth.ts';
import type { AdmissionContext } from '../../../kube/admission.ts';
import { parseAutoscalerLimits, type AutoscalerLimits } from '../config/autoscaler.ts';
import { parseDefaults, type DefaultsConfig } from '../config/defaults.ts';
import { parseFeatures, type FeatureName, type FeaturesConfig, type Flag } from '../config/features.ts';
import { ConfigError, type ConfigData } from '../config/parse.ts';

export interface ServingContext {
  readonly operation: AdmissionContext['operation'];
  readonly username: string;
  readonly defaults: DefaultsConfig;
  readonly features: FeaturesConfig;
  readonly autoscaler: AutoscalerLimits;
}

/** Each ConfigMap is parsed once, when it is first asked for. */
export function servingContext(context: AdmissionContext): ServingContext {
  const defaults = once(() => read(context, 'config-defaults', parseDefaults));
  const features = once(() => read(context, 'config-features', parseFeatures));
  const autoscaler = once(() => read(context, 'config-autoscaler', parseAutoscalerLimits));
  return {
    operation: context.operation,
    username: context.username,
    get defaults() {
      return defaults();
    },
    get features() {
      return features();
    },
    get autoscaler() {
      return autoscaler();
    },
  };
}

function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

export function flagOf(context: ServingContext, name: FeatureName): Flag {
  return context.features.flags[name];
}

export function locksPods(context: ServingContext): boolean {
  return context.features.securePodDefaults !== 'Disabled';
}

/** A ConfigMap that was stored before it was checked, and does not parse, counts as absent. */
function read<C>(context: AdmissionContext, name: string, parse: (data: ConfigData) => C): C {
  try {
    return parse(context.config(SERVING_NAMESPACE, name));
  } catch (error) {
    if (error instanceof ConfigError) return parse({});
    throw error;
  }
}

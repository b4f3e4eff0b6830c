/** The part of config-autoscaler that Revisions and their annotations are checked against. */
import { checkAutoscaler } from './autoscaler-rules.ts';
import { bool, duration, integer32, text, type ConfigData } from './parse.ts';

export interface AutoscalerLimits {
  readonly initialScale: number;
  readonly allowZeroInitialScale: boolean;
  readonly minScale: number;
  readonly maxScale: number;
  /** 0 = no limit. */
  readonly maxScaleLimit: number;
  readonly podAutoscalerClass: string;
  /** Milliseconds. */
  readonly stableWindow: number;
}

/** @throws ConfigError */
export function parseAutoscalerLimits(data: ConfigData): AutoscalerLimits {
  checkAutoscaler(data);
  return {
    initialScale: integer32(data, 1, 'initial-scale'),
    allowZeroInitialScale: bool(data, false, 'allow-zero-initial-scale'),
    minScale: integer32(data, 0, 'min-scale'),
    maxScale: integer32(data, 0, 'max-scale'),
    maxScaleLimit: integer32(data, 0, 'max-scale-limit'),
    podAutoscalerClass: text(data, 'kpa.autoscaling.knative.dev', 'pod-autoscaler-class'),
    stableWindow: duration(data, 60_000, 'stable-window'),
  };
}

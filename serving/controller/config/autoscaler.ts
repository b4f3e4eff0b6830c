/** The part of config-autoscaler that Revisions and their annotations are checked against. */
import { bool, ConfigError, duration, integer, text, type ConfigData } from './parse.ts';

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
  const allowZeroInitialScale = bool(data, false, 'allow-zero-initial-scale');
  const initialScale = integer(data, 1, 'initial-scale');
  if (initialScale < 0 || (initialScale === 0 && !allowZeroInitialScale))
    throw new ConfigError(
      `initial-scale = ${initialScale}, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)`,
    );
  const minScale = integer(data, 0, 'min-scale');
  const maxScale = integer(data, 0, 'max-scale');
  if (minScale < 0) throw new ConfigError(`min-scale = ${minScale}, must be at least 0`);
  if (maxScale < 0 || (maxScale > 0 && minScale > maxScale))
    throw new ConfigError(`max-scale = ${maxScale}, must be 0 or at least min-scale (${minScale})`);
  const maxScaleLimit = integer(data, 0, 'max-scale-limit');
  if (maxScaleLimit < 0) throw new ConfigError(`max-scale-limit = ${maxScaleLimit}, must be at least 0`);
  if (maxScaleLimit > 0 && (maxScale < 1 || maxScale > maxScaleLimit))
    throw new ConfigError(`max-scale = ${maxScale}, must be in (0, max-scale-limit(${maxScaleLimit})]`);
  return {
    initialScale,
    allowZeroInitialScale,
    minScale,
    maxScale,
    maxScaleLimit,
    podAutoscalerClass: text(data, 'kpa.autoscaling.knative.dev', 'pod-autoscaler-class'),
    stableWindow: duration(data, 60_000, 'stable-window'),
  };
}

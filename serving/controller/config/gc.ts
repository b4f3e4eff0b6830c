/** config-gc: how long Revisions without traffic are kept. Source: reference sections 2.6 and 5. */
import { parseDuration } from '../../../kube/go-duration.ts';
import { ConfigError, integer, type ConfigData } from './parse.ts';

/** `undefined` stands for `disabled`. */
export interface GcConfig {
  /** Milliseconds. */
  readonly retainSinceCreate: number | undefined;
  readonly retainSinceLastActive: number | undefined;
  readonly minNonActive: number;
  readonly maxNonActive: number | undefined;
}

const HOUR = 3_600_000;

/** @throws ConfigError */
export function parseGc(data: ConfigData): GcConfig {
  const minNonActive = integer(data, 20, 'min-non-active-revisions');
  if (minNonActive < 0) throw new ConfigError(`min-non-active-revisions must be non-negative, was: ${minNonActive}`);
  const max = data['max-non-active-revisions'];
  const maxNonActive = isDisabled(max) ? undefined : integer(data, 1000, 'max-non-active-revisions');
  if (maxNonActive !== undefined && maxNonActive < minNonActive)
    throw new ConfigError(
      `min-non-active-revisions(${minNonActive}) must be <= max-non-active-revisions(${maxNonActive})`,
    );
  return {
    retainSinceCreate: retention(data, 'retain-since-create-time', 48 * HOUR),
    retainSinceLastActive: retention(data, 'retain-since-last-active-time', 15 * HOUR),
    minNonActive,
    maxNonActive,
  };
}

function retention(data: ConfigData, key: string, fallback: number): number | undefined {
  const value = data[key];
  if (value === undefined) return fallback;
  if (isDisabled(value)) return undefined;
  const ms = parseDuration(value.trim());
  if (ms === undefined)
    throw new ConfigError(`failed to parse "${key}": "${value}" is neither a duration nor "disabled"`);
  if (ms < 0) throw new ConfigError(`${key} must be non-negative, was: ${value}`);
  return ms;
}

function isDisabled(value: string | undefined): boolean {
  return value?.trim().toLowerCase() === 'disabled';
}

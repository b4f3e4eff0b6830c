/** config-gc: how long Revisions without traffic are kept. Source: reference sections 2.6 and 5. */
import { ConfigError, integer, milliseconds, unsigned, type ConfigData } from './parse.ts';

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
  const minNonActive = minimum(data);
  const retainSinceCreate = retention(data, 'retain-since-create-time', 48 * HOUR);
  const retainSinceLastActive = retention(data, 'retain-since-last-active-time', 15 * HOUR);
  const maxNonActive = orDisabled(data, 'max-non-active-revisions', 1000, (value) => unsigned(value, 64));
  if (minNonActive < 0) throw new ConfigError(`min-non-active-revisions must be non-negative, was: ${minNonActive}`);
  if (maxNonActive !== undefined && maxNonActive < minNonActive)
    throw new ConfigError(
      `min-non-active-revisions(${minNonActive}) must be <= max-non-active-revisions(${maxNonActive})`,
    );
  return { retainSinceCreate, retainSinceLastActive, minNonActive, maxNonActive };
}

function minimum(data: ConfigData): number {
  try {
    return integer(data, 20, 'min-non-active-revisions');
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`failed to parse data: ${error.message}`);
    throw error;
  }
}

function retention(data: ConfigData, key: string, fallback: number): number | undefined {
  return orDisabled(data, key, fallback, (value) => {
    const ms = milliseconds(value);
    if (ms < 0) throw new Error('must be non-negative');
    return ms;
  });
}

function orDisabled(
  data: ConfigData,
  key: string,
  fallback: number,
  parse: (value: string) => number,
): number | undefined {
  const value = (data[key] ?? '').trim();
  if (value === '') return fallback;
  if (value.toLowerCase() === 'disabled') return undefined;
  try {
    return parse(value);
  } catch (error) {
    throw new ConfigError(`failed to parse ${key}: ${error instanceof Error ? error.message : ''}`);
  }
}

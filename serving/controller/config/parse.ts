/** Reading ConfigMap data: one typed field at a time, with errors that name the key. */
import { parse as parseYaml } from 'yaml';
import { parseDuration } from '../../../kube/go-duration.ts';

export type ConfigData = Readonly<Record<string, string>>;

/** A value of a ConfigMap that does not make sense; the text is shown to whoever wrote it. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

/** The first of several spellings of a key that is present. */
export function lookup(data: ConfigData, ...keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = data[key];
    if (value !== undefined) return value;
  }
  return undefined;
}

export function text(data: ConfigData, fallback: string, ...keys: readonly string[]): string {
  return lookup(data, ...keys)?.trim() ?? fallback;
}

export function bool(data: ConfigData, fallback: boolean, ...keys: readonly string[]): boolean {
  const value = lookup(data, ...keys);
  return value === undefined ? fallback : value.trim().toLowerCase() === 'true';
}

export function integer(data: ConfigData, fallback: number, key: string): number {
  const value = data[key];
  if (value === undefined) return fallback;
  if (!/^[-+]?\d+$/.test(value.trim())) throw new ConfigError(`failed to parse "${key}": "${value}" is not an integer`);
  return Number(value);
}

export function float(data: ConfigData, fallback: number, key: string): number {
  const value = data[key];
  if (value === undefined) return fallback;
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number))
    throw new ConfigError(`failed to parse "${key}": "${value}" is not a number`);
  return number;
}

/** @returns milliseconds */
export function duration(data: ConfigData, fallback: number, ...keys: readonly string[]): number {
  const value = lookup(data, ...keys);
  if (value === undefined) return fallback;
  const ms = parseDuration(value.trim());
  if (ms === undefined) throw new ConfigError(`failed to parse "${keys[0] ?? ''}": "${value}" is not a duration`);
  return ms;
}

/** Comma-separated words, blanks trimmed, empty ones dropped. */
export function words(data: ConfigData, fallback: readonly string[], ...keys: readonly string[]): readonly string[] {
  const value = lookup(data, ...keys);
  if (value === undefined) return fallback;
  return value
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** A YAML value; `undefined` when absent or empty. */
export function yaml(data: ConfigData, key: string): unknown {
  const value = data[key];
  if (value === undefined || value.trim() === '') return undefined;
  try {
    return parseYaml(value) as unknown;
  } catch (error) {
    throw new ConfigError(`failed to parse "${key}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A map of strings, or undefined when the value is something else. */
export function stringMap(value: unknown): Record<string, string> | undefined {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) return undefined;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
    ? Object.fromEntries(entries)
    : undefined;
}

/** As Go reads a boolean. */
export function isTrue(value: string): boolean {
  return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value);
}

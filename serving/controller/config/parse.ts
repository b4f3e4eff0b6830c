/**
 * Reading ConfigMap data: one typed field at a time, with errors that name the key and say what Knative's say. Where a
 * key has older spellings, each that is present must parse, and the first named counts.
 */
import { parse as parseYaml } from 'yaml';
import { durationProblem, parseDuration } from '../../../kube/go-duration.ts';
import { parseBool, parseFloat64, parseInteger } from '../../../kube/go-number.ts';
import { parseQuantity, quantityProblem } from '../../../kube/quantity.ts';
import { messageOf } from '../../../kube/message.ts';

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

/** As Go reads a boolean: 1, t, true and their like. */
export function bool(data: ConfigData, fallback: boolean, ...keys: readonly string[]): boolean {
  return read(data, fallback, keys, (value) => {
    const parsed = parseBool(value);
    if (parsed === undefined) throw new Error(strconv('ParseBool', value, 'invalid syntax'));
    return parsed;
  });
}

/** A whole number of 64 bits. */
export function integer(data: ConfigData, fallback: number, ...keys: readonly string[]): number {
  return read(data, fallback, keys, (value) => wholeNumber(value, 2 ** 63));
}

export function integer32(data: ConfigData, fallback: number, ...keys: readonly string[]): number {
  return read(data, fallback, keys, (value) => wholeNumber(value, 2 ** 31));
}

/** A whole number without a sign. @throws Error with Go's words */
export function unsigned(value: string, bits: 32 | 64): number {
  if (!/^[0-9]+$/.test(value)) throw new Error(strconv('ParseUint', value, 'invalid syntax'));
  if (Number(value) >= 2 ** bits) throw new Error(strconv('ParseUint', value, 'value out of range'));
  return Number(value);
}

export function float(data: ConfigData, fallback: number, key: string): number {
  return read(data, fallback, [key], (value) => {
    const number = parseFloat64(value);
    if (number !== undefined) return number;
    const tooLarge = Math.abs(Number(value)) === Infinity && /^[-+]?[0-9]/.test(value);
    throw new Error(strconv('ParseFloat', value, tooLarge ? 'value out of range' : 'invalid syntax'));
  });
}

/** @returns milliseconds */
export function duration(data: ConfigData, fallback: number, ...keys: readonly string[]): number {
  return read(data, fallback, keys, milliseconds);
}

/** @throws Error with Go's words */
export function milliseconds(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined) throw new Error(durationProblem(value));
  return ms;
}

/** The text of a quantity, `undefined` when absent. */
export function quantity(data: ConfigData, ...keys: readonly string[]): string | undefined {
  return read<string | undefined>(data, undefined, keys, (value) => {
    if (parseQuantity(value) === undefined) throw new Error(quantityProblem(value));
    return value;
  });
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
    return parseYaml(value, { logLevel: 'error', maxAliasCount: 10 }) as unknown;
  } catch (error) {
    throw new ConfigError(`failed to parse "${key}": ${messageOf(error)}`);
  }
}

/** The error for YAML that is another kind of thing than Knative's type. */
export function notOfType(value: unknown, type: string): ConfigError {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return new ConfigError(
    `error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${kind} into Go value of type ${type}`,
  );
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

export function isTrue(value: string): boolean {
  return parseBool(value) === true;
}

function read<T>(data: ConfigData, fallback: T, keys: readonly string[], parse: (value: string) => T): T {
  let result = fallback;
  for (const key of keys.toReversed()) {
    const value = data[key];
    if (value === undefined) continue;
    try {
      result = parse(value);
    } catch (error) {
      throw new ConfigError(`failed to parse ${JSON.stringify(key)}: ${error instanceof Error ? error.message : ''}`);
    }
  }
  return result;
}

function wholeNumber(value: string, limit: number): number {
  const number = parseInteger(value);
  if (number === undefined) throw new Error(strconv('ParseInt', value, 'invalid syntax'));
  if (number >= limit || number < -limit) throw new Error(strconv('ParseInt', value, 'value out of range'));
  return number;
}

function strconv(what: string, value: string, why: string): string {
  return `strconv.${what}: parsing ${JSON.stringify(value)}: ${why}`;
}

/**
 * Validation errors as Knative prints them: message, field paths, details.
 * Source: knative.dev/pkg apis.FieldError (behaviour; reference section 1.5).
 */
export interface FieldError {
  readonly message: string;
  readonly paths: readonly string[];
  readonly details?: string;
  /** A warning is shown to the client but does not deny the request. */
  readonly level?: 'error' | 'warning';
}

export const missingField = (...paths: string[]): FieldError => ({ message: 'missing field(s)', paths });
export const disallowedFields = (...paths: string[]): FieldError => ({ message: 'must not set the field(s)', paths });
export const invalidValue = (value: unknown, path: string, details?: string): FieldError => ({
  message: `invalid value: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  paths: [path],
  details,
});
export const missingOneOf = (...paths: string[]): FieldError => ({
  message: 'expected exactly one, got neither',
  paths,
});
export const multipleOneOf = (...paths: string[]): FieldError => ({ message: 'expected exactly one, got both', paths });
export const invalidKeyName = (key: string, path: string, details?: string): FieldError => ({
  message: `invalid key name "${key}"`,
  paths: [path],
  details,
});
export const outOfBounds = (value: unknown, low: unknown, high: unknown, path: string): FieldError => ({
  message: `expected ${String(low)} <= ${String(value)} <= ${String(high)}`,
  paths: [path],
});

/** Prefixes every path with a parent field; `[0]` and `[key]` join without a dot, unless the key has dots itself. */
export function viaField(prefix: string, errors: readonly FieldError[]): FieldError[] {
  return errors.map((error) => ({ ...error, paths: error.paths.map((path) => joinPath(prefix, path)) }));
}

function joinPath(prefix: string, path: string): string {
  if (path === '') return prefix;
  return /^\[[^.]*\](\.|$)/.test(path) ? prefix + path : `${prefix}.${path}`;
}

/** The text of a denial: errors with equal message and details share a line, lines are sorted by message. */
export function formatFieldErrors(errors: readonly FieldError[]): string {
  const merged = new Map<string, { message: string; details?: string; paths: Set<string> }>();
  for (const error of errors) {
    const key = `${error.message}\n${error.details ?? ''}\n${error.level ?? 'error'}`;
    const entry = merged.get(key) ?? { message: error.message, details: error.details, paths: new Set<string>() };
    for (const path of error.paths) entry.paths.add(path);
    merged.set(key, entry);
  }
  return [...merged.values()]
    .map((entry) => ({ ...entry, list: [...entry.paths].sort() }))
    .sort((a, b) => compare(a.message, b.message) || compare(a.details ?? '', b.details ?? ''))
    .map(({ message, details, list }) => {
      const line = `${message}: ${list.join(', ')}`;
      return details === undefined || details === '' ? line : `${line}\n${details}`;
    })
    .join('\n');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Filling in fields without changing what was given: the same object comes back when nothing was missing. */

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** Sets the fields that are missing. */
export function fill<T extends Fields>(object: T, defaults: Fields): T {
  let filled: Record<string, unknown> | undefined;
  for (const key in defaults) {
    if (object[key] === undefined && defaults[key] !== undefined) (filled ??= { ...object })[key] = defaults[key];
  }
  return (filled as T | undefined) ?? object;
}

/** Replaces a field by what `change` makes of it; a missing field stays missing. */
export function at<T extends Fields>(object: T, key: string, change: (value: Fields) => Fields): T {
  const value = fieldsOf(object[key]);
  if (value === undefined) return object;
  const next = change(value);
  return next === value ? object : { ...object, [key]: next };
}

/** Replaces each item of a list field by what `change` makes of it. */
export function each<T extends Fields>(object: T, key: string, change: (item: Fields) => Fields): T {
  const list = object[key];
  if (!Array.isArray(list)) return object;
  let changed = false;
  const next = (list as unknown[]).map((item) => {
    const fields = fieldsOf(item);
    const made = fields === undefined ? item : change(fields);
    if (made !== item) changed = true;
    return made;
  });
  return changed ? { ...object, [key]: next } : object;
}

type Members = { [key: string]: unknown };

/** The members of an object that are not, by identity, those of another: what a change of it has to be checked for. */
export function changedMembers<T extends object>(value: T, old: object | undefined): T {
  if (old === undefined) return value;
  let changed: Members | undefined;
  for (const [key, member] of Object.entries(value)) {
    if (typeof member !== 'object' || member === null || member !== (old as Members)[key]) continue;
    delete (changed ??= { ...value } as Members)[key];
  }
  return (changed ?? value) as T;
}

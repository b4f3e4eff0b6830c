/** Go's `http.Header` in a template: canonical names, several values each. */
export class HttpHeader {
  readonly #values = new Map<string, string[]>();

  /** @param pairs name, value, name, value… as they stand on the wire */
  constructor(pairs: readonly string[]) {
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const name = canonical(pairs[at] ?? '');
      this.#values.set(name, [...(this.#values.get(name) ?? []), pairs[at + 1] ?? '']);
    }
  }

  /** `{{index .Header "X-Name"}}`: the name as it is canonical, all its values. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** `{{.Header.Get "x-name"}}`: the name in any case, its first value, empty when there is none. */
  first(name: string): string {
    return this.#values.get(canonical(name))?.[0] ?? '';
  }
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** LIKE patterns: `%` any characters, `_` one, `\` takes the next of the two literally. Linear in practice, never exponential. */

type Part = 'any' | 'one' | { readonly character: string };

export function compileLike(pattern: string): (text: string) => boolean {
  const parts = parse(pattern);
  return (text) => matches(parts, [...text]);
}

function parse(pattern: string): Part[] {
  const parts: Part[] = [];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? '';
    const next = characters[i + 1];
    if (character === '\\' && (next === '%' || next === '_')) {
      parts.push({ character: next });
      i++;
    } else if (character === '%') {
      if (parts[parts.length - 1] !== 'any') parts.push('any');
    } else parts.push(character === '_' ? 'one' : { character });
  }
  return parts;
}

/** Greedy with one way back, to the last `%`: an earlier one never needs to take more. */
function matches(parts: readonly Part[], text: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let lastAny = -1;
  let resume = 0;
  while (at < text.length) {
    const current = parts[part];
    if (current === 'any') {
      lastAny = part++;
      resume = at;
    } else if (current === 'one' || (current !== undefined && current.character === text[at])) {
      part++;
      at++;
    } else if (lastAny >= 0) {
      part = lastAny + 1;
      at = ++resume;
    } else return false;
  }
  while (parts[part] === 'any') part++;
  return part === parts.length;
}

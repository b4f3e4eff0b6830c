/**
 * Where a member's text stands inside JSON that is known to be valid. Event data is passed on as it came: parsing and
 * printing it again would change numbers beyond 2^53, key order of integer-like keys, and escapes.
 */

/** The text of a top-level member's value (the last one of that name), undefined when there is none. */
export function memberText(json: string, member: string): string | undefined {
  let found: string | undefined;
  let at = skipSpace(json, 0) + 1; // behind {
  for (;;) {
    at = skipSpace(json, at);
    if (at >= json.length || json[at] === '}') return found;
    const keyEnd = skipString(json, at);
    const key: unknown = JSON.parse(json.slice(at, keyEnd));
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1); // behind :
    const end = skipValue(json, start);
    if (key === member) found = json.slice(start, end);
    at = skipSpace(json, end);
    if (json[at] === ',') at++;
  }
}

/** The texts of an array's elements. */
export function elementTexts(json: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(json, 0) + 1; // behind [
  for (;;) {
    at = skipSpace(json, at);
    if (at >= json.length || json[at] === ']') return elements;
    const end = skipValue(json, at);
    elements.push(json.slice(at, end));
    at = skipSpace(json, end);
    if (json[at] === ',') at++;
  }
}

function skipSpace(json: string, at: number): number {
  while (at < json.length && json.charCodeAt(at) <= 32) at++;
  return at;
}

/** @param at the opening quote; returns the index behind the closing one */
function skipString(json: string, at: number): number {
  let end = json.indexOf('"', at + 1);
  while (end > 0) {
    let backslashes = 0;
    while (json.charCodeAt(end - 1 - backslashes) === 92) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
    end = json.indexOf('"', end + 1);
  }
  return json.length;
}

function skipValue(json: string, at: number): number {
  const first = json[at];
  if (first === '"') return skipString(json, at);
  if (first !== '{' && first !== '[') {
    while (at < json.length && !/[\s,\]}]/.test(json.charAt(at))) at++;
    return at;
  }
  let depth = 0;
  while (at < json.length) {
    const c = json.charCodeAt(at);
    if (c === 34) {
      at = skipString(json, at);
      continue;
    }
    if (c === 123 || c === 91) depth++;
    else if (c === 125 || c === 93) {
      depth--;
      if (depth === 0) return at + 1;
    }
    at++;
  }
  return at;
}

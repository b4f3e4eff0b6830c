/** Patterns of schemas: Go's RE2 syntax run by JavaScript's engine. */

const MOST_PATTERNS = 2000;
const compiled = new Map<string, RegExp>();

/**
 * @returns the compiled pattern, unanchored as in Go
 * @throws SyntaxError when it is not a pattern
 */
export function compilePattern(pattern: string): RegExp {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    expression = translate(pattern);
    if (compiled.size >= MOST_PATTERNS) compiled.clear();
    compiled.set(pattern, expression);
  }
  return expression;
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

function translate(pattern: string): RegExp {
  let source = pattern.replace(/\[:(\w+):\]/g, (whole, name: string) => CLASSES[name] ?? whole);
  source = source
    .replace(/\(\?P</g, '(?<')
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$');
  let flags = '';
  const leading = /^\(\?([ims]+)\)/.exec(source);
  if (leading !== null) {
    flags = leading[1] ?? '';
    source = source.slice(leading[0].length);
  }
  try {
    return new RegExp(source, `${flags}u`);
  } catch {
    // Escapes such as `\-` are fine in Go but not with the u flag.
    return new RegExp(source, flags);
  }
}

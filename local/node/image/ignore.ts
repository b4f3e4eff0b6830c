/** Which files stay out of an image: the patterns of .dockerignore, the last that matches decides. */

export interface IgnoreRules {
  /** @param path relative, with `/` */
  ignores(path: string): boolean;
  /** May something below an ignored folder be wanted after all? */
  readonly hasExceptions: boolean;
}

const ALWAYS = ['.git', '.zerothignore', '.dockerignore'];

export function parseIgnore(text: string): IgnoreRules {
  const rules = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const wanted = line.startsWith('!');
      const pattern = (wanted ? line.slice(1) : line).replace(/^\/+|\/+$/g, '');
      return { wanted, expression: toExpression(pattern) };
    });
  return {
    hasExceptions: rules.some((rule) => rule.wanted),
    ignores(path) {
      if (ALWAYS.includes(path.split('/')[0] ?? '')) return true;
      let ignored = false;
      for (const { wanted, expression } of rules) if (expression.test(path)) ignored = !wanted;
      return ignored;
    },
  };
}

/** A pattern matches the path it names and all below. */
function toExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (token) => {
    switch (token) {
      case '**/':
        return '(?:.*/)?';
      case '**':
        return '.*';
      case '*':
        return '[^/]*';
      case '?':
        return '[^/]';
      default:
        return `\\${token}`;
    }
  });
  return new RegExp(`^${source}(?:/.*)?$`);
}

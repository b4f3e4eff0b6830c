/** Splits a command line into words when no shell is needed for it. */

/** What only a shell understands: variables, substitution, pipes, redirection, patterns, comments, assignments. */
const NEEDS_SHELL = /[$`|&;<>()*?[\]~#!{}\n]/;

/** The words, or undefined when the line means something to a shell only. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  while (at < line.length) {
    const char = line[at++] as string;
    if (char === ' ' || char === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "'") {
      const end = line.indexOf("'", at);
      if (end < 0) return undefined;
      word = (word ?? '') + line.slice(at, end);
      at = end + 1;
    } else if (char === '"') {
      const end = line.indexOf('"', at);
      const inner = line.slice(at, end);
      if (end < 0 || /[$`\\]/.test(inner)) return undefined;
      word = (word ?? '') + inner;
      at = end + 1;
    } else if (char === '\\' || NEEDS_SHELL.test(char)) return undefined;
    else word = (word ?? '') + char;
  }
  if (word !== undefined) words.push(word);
  // `A=b program` sets a variable; a shell's own words are no programs.
  if (words.length === 0 || words[0]?.includes('=') === true || SHELL_WORDS.has(words[0] ?? '')) return undefined;
  return words;
}

const SHELL_WORDS = new Set(
  '. : cd eval exec exit export if for while until case set unset trap ulimit umask source command time wait'.split(
    ' ',
  ),
);

/** The words, or the line as an argument of a shell. */
export function commandOf(line: string): string[] {
  return splitWords(line) ?? ['/bin/sh', '-c', line];
}

/** What a verb of the command line is: its help, its flags, and what it does. */
import { parseArgs } from 'node:util';
import { UsageError } from './errors.ts';

export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** Shown in the help; `|` parts a placeholder from its text: `DIR|where state is kept`. */
  readonly help: string;
  readonly multiple?: boolean;
}

export interface Arguments {
  readonly positionals: readonly string[];
  /** The last value given. */
  text(flag: string): string | undefined;
  all(flag: string): readonly string[];
  flag(flag: string): boolean;
  /** A port, 0 to 65535. Throws `UsageError`. */
  port(flag: string, fallback: number): number;
}

export interface Verb {
  readonly name: string;
  /** One line of the overview. */
  readonly summary: string;
  /** The words after the verb. */
  readonly usage: string;
  readonly flags: Readonly<Record<string, Flag>>;
  /** Lines of `command  # what it does`. */
  readonly examples: readonly string[];
  /** How many positionals it takes. */
  readonly positionals: readonly [min: number, max: number];
  run(args: Arguments): Promise<number>;
}

export const STATE_FLAG: Flag = {
  type: 'string',
  help: 'DIR|state folder (default: $ZEROTH_STATE, else .zeroth here or above)',
};

/** Throws `UsageError` for an unknown flag, a missing value or the wrong number of words. */
export function parseArguments(verb: Verb, argv: readonly string[]): Arguments | 'help' {
  const options = Object.fromEntries(
    Object.entries({ ...verb.flags, help: { type: 'boolean', short: 'h', help: '' } satisfies Flag }).map(
      ([name, { type, short, multiple }]: [string, Flag]) => [
        name,
        { type, multiple: multiple ?? false, ...(short === undefined ? {} : { short }) },
      ],
    ),
  );
  const { values, positionals } = parse(verb, argv, options);
  if (values['help'] === true) return 'help';
  const [min, max] = verb.positionals;
  if (positionals.length < min) throw new UsageError(`zeroth ${verb.name} needs: ${verb.usage}`);
  if (positionals.length > max)
    throw new UsageError(
      `zeroth ${verb.name}: unexpected "${positionals[max] ?? ''}"; usage: zeroth ${verb.name} ${verb.usage}`,
    );
  const all = (flag: string): readonly string[] => {
    const value = values[flag];
    if (typeof value === 'string') return [value];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  };
  return {
    positionals,
    all,
    text: (flag) => all(flag).at(-1),
    flag: (flag) => values[flag] === true,
    port(flag, fallback) {
      const text = all(flag).at(-1);
      if (text === undefined) return fallback;
      const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
      if (!(port <= 65_535))
        throw new UsageError(`--${flag} takes a port from 0 to 65535 (0 = any free one), not "${text}"`);
      return port;
    },
  };
}

function parse(
  verb: Verb,
  argv: readonly string[],
  options: Record<string, { type: 'string' | 'boolean'; multiple: boolean; short?: string }>,
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's own text explains how to escape positionals, which nobody asked.
    const text = error instanceof Error ? (error.message.split(/[.;] |\n/)[0] ?? error.message) : String(error);
    throw new UsageError(
      `zeroth ${verb.name}: ${text.charAt(0).toLowerCase()}${text.slice(1)}; see: zeroth ${verb.name} --help`,
    );
  }
}

export function helpOf(verb: Verb): string {
  const flags = Object.entries(verb.flags).map(([name, { short, help }]) => {
    const [placeholder, text] = help.includes('|') ? help.split('|', 2) : ['', help];
    const long = `${short === undefined ? '    ' : `-${short}, `}--${name}${placeholder === '' ? '' : ` ${placeholder ?? ''}`}`;
    return `  ${long.padEnd(28)} ${text ?? ''}`;
  });
  return [
    `usage: zeroth ${verb.name} ${verb.usage}`,
    '',
    verb.summary,
    ...(flags.length === 0 ? [] : ['', 'flags:', ...flags]),
    '',
    'examples:',
    ...verb.examples.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

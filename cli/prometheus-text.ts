/** Reads Prometheus' text format. Source: Prometheus "Exposition formats". */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;
const NAME_END = /[{\s]/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** The samples whose names are wanted; lines of another form are left out. */
export function parseSamples(text: string, wanted: (name: string) => boolean): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    // Pages have megabytes, and most lines are of no interest: those are not taken apart.
    const end = line.search(NAME_END);
    if (end <= 0 || !wanted(line.slice(0, end))) continue;
    const [, name = '', labels = '', value = ''] = LINE.exec(line) ?? [];
    if (name === '') continue;
    const parsed: Record<string, string> = {};
    for (const [, key = '', raw = ''] of labels.matchAll(LABEL)) parsed[key] = raw.includes('\\') ? unescape(raw) : raw;
    samples.push({ name, labels: parsed, value: valueOf(value) });
  }
  return samples;
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}

function valueOf(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

/** `npm run bench`: the figures that README and the targets speak of, measured on this machine. */
import { parseArgs } from 'node:util';
import { applyReady } from './apply-ready.ts';
import { broker } from './broker.ts';
import { coldStart } from './cold-start.ts';
import { control, FULL_LOAD, type ControlLoad } from './control.ts';
import { dataPath } from './data-path.ts';
import { printFigures, type Figure } from './figure.ts';
import { idle } from './idle.ts';
import { startUp } from './start-up.ts';

const QUESTIONS: Readonly<Record<string, () => Promise<Figure[]>>> = {
  'start-up': startUp,
  'apply-ready': applyReady,
  'cold-start': coldStart,
  'data-path': dataPath,
  idle,
  broker,
  control: () => control({ ...FULL_LOAD, ...load }),
};

const [wanted, load] = parse(process.argv.slice(2));
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(QUESTIONS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`measuring ${name}…`);
  figures.push(...(await measure()));
}
printFigures(figures);

function parse(args: string[]): [wanted: string[], load: Partial<ControlLoad>] {
  const options = { services: { type: 'string' }, rate: { type: 'string' }, idle: { type: 'string' } } as const;
  try {
    const { positionals, values } = parseArgs({ args, options, allowPositionals: true });
    const unknown = positionals.filter((name) => !Object.hasOwn(QUESTIONS, name));
    if (unknown.length > 0)
      throw new Error(`no benchmark ${unknown.join(', ')}; there are: ${Object.keys(QUESTIONS).join(', ')}`);
    const numbers = Object.entries(values).map(([name, text]) => {
      const number = Number(text);
      if (!(number > 0)) throw new Error(`--${name} takes a number above 0, not ${text}`);
      return [name, number];
    });
    return [positionals, Object.fromEntries(numbers) as Partial<ControlLoad>];
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}

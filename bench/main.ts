/** `npm run bench`: the figures that README and the targets speak of, measured on this machine. */
import { parseArgs } from 'node:util';
import { applyReady } from './apply-ready.ts';
import { broker } from './broker.ts';
import { coldStart } from './cold-start.ts';
import { control, FULL_LOAD } from './control.ts';
import { dataPath } from './data-path.ts';
import { met, printFigures, type Figure } from './figure.ts';
import { idle } from './idle.ts';
import { FULL_SOAK, soak } from './soak.ts';
import { startUp } from './start-up.ts';
import { messageOf } from '../kube/message.ts';

type Numbers = Partial<Record<'services' | 'rate' | 'idle' | 'minutes', number>>;

/** Asked together when none is named, but for the soak, which takes its time. */
const QUESTIONS: Readonly<Record<string, () => Promise<Figure[]>>> = {
  'start-up': startUp,
  'apply-ready': applyReady,
  'cold-start': coldStart,
  'data-path': dataPath,
  idle,
  broker,
  control: () => control({ ...FULL_LOAD, ...numbers }, (line) => console.log(line)),
  soak: soakAndTell,
};

const { wanted, numbers, faults } = parse(process.argv.slice(2));
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(QUESTIONS)) {
  if (wanted.length > 0 ? !wanted.includes(name) : name === 'soak') continue;
  console.error(`measuring ${name}…`);
  figures.push(...(await measure()));
}
printFigures(figures);
if (wanted.includes('soak') && !figures.every(met)) process.exitCode = 1;

async function soakAndTell(): Promise<Figure[]> {
  const { tally, figures } = await soak({ ...FULL_SOAK, ...numbers, faults });
  for (const line of tally.lines()) console.log(line);
  for (const { at, what, why } of tally.firstFailures)
    console.log(`FAILED at ${(at / 1000).toFixed(1)} s: ${what}: ${why}`);
  return figures;
}

function parse(args: string[]): { wanted: string[]; numbers: Numbers; faults: boolean } {
  const number = { type: 'string' } as const;
  const options = {
    services: number,
    rate: number,
    idle: number,
    minutes: number,
    faults: { type: 'boolean' },
  } as const;
  try {
    const { positionals, values } = parseArgs({ args, options, allowPositionals: true });
    const unknown = positionals.filter((name) => !Object.hasOwn(QUESTIONS, name));
    if (unknown.length > 0)
      throw new Error(`no benchmark ${unknown.join(', ')}; there are: ${Object.keys(QUESTIONS).join(', ')}`);
    const { faults = false, ...texts } = values;
    const numbers: Numbers = {};
    for (const [name, text] of Object.entries(texts)) {
      const value = Number(text);
      if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not ${text}`);
      numbers[name as keyof Numbers] = value;
    }
    return { wanted: positionals, numbers, faults };
  } catch (error) {
    console.error(messageOf(error));
    process.exit(2);
  }
}

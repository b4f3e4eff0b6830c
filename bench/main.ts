/** `npm run bench`: the figures that README and the targets speak of, measured on this machine. */
import { applyReady } from './apply-ready.ts';
import { broker } from './broker.ts';
import { coldStart } from './cold-start.ts';
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
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(QUESTIONS, name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are: ${Object.keys(QUESTIONS).join(', ')}`);
  process.exit(2);
}
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(QUESTIONS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`measuring ${name}…`);
  figures.push(...(await measure()));
}
printFigures(figures);

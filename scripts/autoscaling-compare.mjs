// Replays every scenario (serving/autoscaler/scenarios.ts) through the autoscaler and prints where it parts from the
// published rules (test/serving/autoscaler/oracle.ts), second by second.
// usage: node scripts/autoscaling-compare.mjs [--export FILE] [--against FILE]
//   --export FILE   writes scenarios and samples as JSON, for another implementation to replay
//   --against FILE  compares with that implementation's samples instead: {"NAME": [{"second": 0, "want": 1, …}, …]}
// Exits with 1 when anything differs.
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadReplay } from './autoscaling-load.mjs';

const SHOWN = 3;
const { values } = parseArgs({ options: { export: { type: 'string' }, against: { type: 'string' } } });
const { simulate, expectedOf, SCENARIOS } = await loadReplay();
const samples = Object.fromEntries(SCENARIOS.map((scenario) => [scenario.name, simulate(scenario)]));
// JSON has no infinity: null stands for never.
if (values.export !== undefined)
  await writeFile(values.export, JSON.stringify({ scenarios: SCENARIOS, samples }, undefined, 1));
const others = values.against === undefined ? undefined : JSON.parse(await readFile(values.against, 'utf8'));
const name = values.against ?? 'the published rules';

let seconds = 0;
let apart = 0;
console.log(`${'scenario'.padEnd(58)} seconds  most pods  differences`);
for (const scenario of SCENARIOS) {
  const ours = samples[scenario.name];
  const theirs = others === undefined ? expectedOf(scenario) : others[scenario.name];
  if (theirs === undefined || theirs.length !== ours.length) {
    console.log(`${scenario.name}: ${name} has no samples for it`);
    apart++;
    continue;
  }
  const found = ours.flatMap((sample, i) =>
    Object.keys(theirs[i])
      .filter((field) => !same(theirs[i][field], sample[field]))
      .map((field) => `  second ${i}: ${field} ${sample[field]} here, ${theirs[i][field]} there`),
  );
  seconds += ours.length;
  apart += found.length;
  const most = Math.max(...ours.map(({ replicas }) => replicas));
  console.log(
    scenario.name.padEnd(58),
    String(ours.length).padStart(7),
    String(most).padStart(10),
    String(found.length).padStart(12),
  );
  for (const line of found.slice(0, SHOWN)) console.log(line);
  if (found.length > SHOWN) console.log(`  … ${found.length - SHOWN} more`);
}
console.log(`${SCENARIOS.length} scenarios, ${seconds} seconds, ${apart} differences from ${name}`);
process.exitCode = apart === 0 ? 0 : 1;

/** Averages are rounded to six places; the last one depends on the order of the summands. */
function same(a, b) {
  return a === b || (typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) < 2e-6 + 1e-9 * Math.abs(a));
}

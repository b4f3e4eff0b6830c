import fc from 'fast-check';
import t from 'tap';
import { SCENARIOS } from '../../../serving/autoscaler/scenarios.ts';
import { simulate, type Sample, type Scenario } from '../../../serving/autoscaler/simulate.ts';
import { scenarios } from './any-scenario.ts';
import { expectedOf, type Expected } from './oracle.ts';

const named = (name: string): Sample[] => {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  return simulate(scenario);
};

void t.test('a step of load: pods come with the panic window, stay, and go after the stable one', (t) => {
  const samples = named('step');
  const at = (second: number) => samples[second];
  t.ok((at(24)?.desired ?? 0) >= 7, 'most of the pods within four seconds');
  t.equal(at(50)?.desired, 10);
  t.equal(at(139)?.desired, 10);
  t.ok((at(150)?.desired ?? 0) > 5, 'the stable window still remembers');
  t.equal(samples.at(-1)?.replicas, 0);
  t.end();
});

void t.test('a spike is answered in panic, and its pods are not taken away while panic lasts', (t) => {
  const samples = named('spike');
  let most = 0;
  for (const { panicking, desired } of samples) {
    if (panicking) t.ok(desired >= most);
    most = panicking ? desired : 0;
  }
  t.ok(samples.some(({ panicking }) => panicking));
  t.ok(Math.max(...samples.map(({ desired }) => desired)) >= 15);
  t.end();
});

void t.test('what does not start is given up, and its reason stays to be read', (t) => {
  const samples = named('never starts');
  t.equal(samples[80]?.active, 'Unknown Queued');
  t.equal(samples.at(-1)?.initialized, false);
  t.end();
});

void t.test('a retained last pod stays for its time and no longer', (t) => {
  const samples = named('to zero with the last pod retained');
  const inactive = samples.findIndex(({ active }) => active === 'False NoTraffic');
  const gone = samples.findIndex(({ replicas }) => replicas === 0);
  t.equal(gone - inactive, 90);
  t.end();
});

/** Where a replay and the oracle part, as text; empty where they never do. */
function differences(scenario: Scenario): string[] {
  const expected = expectedOf(scenario);
  return simulate(scenario).flatMap((sample, second) => {
    const other = expected[second];
    if (other === undefined) return [`second ${second} is missing`];
    const fields = Object.keys(other) as (keyof Expected)[];
    return fields
      .filter((field) => sample[field] !== other[field])
      .map((field) => `${scenario.name}, second ${second}: ${field} is ${sample[field]}, not ${other[field]}`);
  });
}

for (const scenario of SCENARIOS)
  void t.test(`scaled as the published rules say: ${scenario.name}`, (t) => {
    t.strictSame(differences(scenario).slice(0, 5), []);
    t.end();
  });

void t.test('any revision under any load is scaled as the published rules say', (t) => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const found = differences(scenario);
      if (found.length > 0) throw new Error(found.slice(0, 3).join('\n'));
    }),
    { numRuns: 300 },
  );
  t.end();
});

void t.test('bounds hold at every second of every load', (t) => {
  fc.assert(
    fc.property(scenarios, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 3, max: 8 }), (scenario, min, max) => {
      const bounds = { 'min-scale': String(min), 'max-scale': String(max), 'initial-scale': '1' };
      const own = { ...scenario.annotations, ...bounds };
      const bounded = { ...scenario, annotations: own, readyAtStart: 0, unreachableFrom: Infinity };
      return simulate(bounded).every(({ want }) => want === -1 || (want >= min && want <= max));
    }),
    { numRuns: 50 },
  );
  t.end();
});

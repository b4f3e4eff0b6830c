import fc from 'fast-check';
import t from 'tap';
import {
  formatRollout,
  isDone,
  observeReady,
  parseRollout,
  stepRollout,
  type ConfigurationRollout,
  type Rollout,
} from '../../../../serving/controller/route/rollout.ts';

const SECOND = 1e9;
const START = 1_800_000_000 * SECOND;

const rollout = (percent: number, ...revisions: (readonly [string, number])[]): Rollout => ({
  configurations: [
    {
      configurationName: 'c',
      percent,
      revisions: revisions.map(([revisionName, share]) => ({ revisionName, percent: share })),
      stepParams: {},
    },
  ],
});
const shares = ({ configurations }: Rollout) =>
  configurations[0]?.revisions.map(({ revisionName, percent }) => `${revisionName}=${percent}`).join(' ');
const withParams = (of: Rollout, stepParams: ConfigurationRollout['stepParams']): Rollout => ({
  configurations: of.configurations.map((one) => ({ ...one, stepParams })),
});

t.test('one step', (t) => {
  const ready = { starttime: START, nextStepTime: START, stepDuration: SECOND, stepSize: 10 };
  for (const [name, goal, previous, expected] of [
    ['nothing before', rollout(100, ['b', 100]), undefined, 'b=100'],
    ['the same Revision', rollout(100, ['a', 100]), rollout(100, ['a', 100]), 'a=100'],
    ['a new one gets 1 %', rollout(100, ['b', 100]), rollout(100, ['a', 100]), 'a=99 b=1'],
    ['a third takes from the newest', rollout(100, ['c', 100]), rollout(100, ['a', 80], ['b', 20]), 'a=80 b=19 c=1'],
    ['one at 1 % is pushed out', rollout(100, ['c', 100]), rollout(100, ['a', 99], ['b', 1]), 'a=99 c=1'],
    ['1 % in all switches at once', rollout(1, ['b', 1]), rollout(1, ['a', 1]), 'b=1'],
    [
      'not yet time',
      rollout(100, ['b', 100]),
      withParams(rollout(100, ['a', 60], ['b', 40]), { ...ready, nextStepTime: START + 1e12 }),
      'a=60 b=40',
    ],
    ['time for a step', rollout(100, ['b', 100]), withParams(rollout(100, ['a', 60], ['b', 40]), ready), 'a=50 b=50'],
    ['the last step', rollout(100, ['b', 100]), withParams(rollout(100, ['a', 10], ['b', 90]), ready), 'b=100'],
    [
      'a step over two',
      rollout(100, ['c', 100]),
      withParams(rollout(100, ['a', 50], ['b', 5], ['c', 45]), ready),
      'a=45 c=55',
    ],
    ['share grows', rollout(80, ['b', 80]), rollout(50, ['a', 40], ['b', 10]), 'a=40 b=40'],
    ['share shrinks', rollout(20, ['b', 20]), rollout(50, ['a', 40], ['b', 10]), 'a=10 b=10'],
    ['share shrinks below the new one', rollout(5, ['b', 5]), rollout(50, ['a', 40], ['b', 10]), 'b=5'],
  ] as const)
    t.equal(shares(stepRollout(goal, previous, START).rollout), expected, name);
  t.end();
});

t.test('pace follows from how long the first percent took', (t) => {
  for (const [took, duration, percent, expected] of [
    [1, 100, 100, { stepSize: 1, stepDuration: SECOND }],
    [10, 110, 100, { stepSize: 10, stepDuration: 10 * SECOND }],
    [60, 30, 100, { stepSize: 99, stepDuration: SECOND }],
    [1, 1_000, 11, { stepSize: 1, stepDuration: Math.trunc((999 / 10) * SECOND) }],
  ] as const) {
    const begun = withParams(rollout(percent, ['a', percent - 1], ['b', 1]), { starttime: START });
    const now = START + took * SECOND;
    const params = observeReady(begun, now, duration).configurations[0]?.stepParams;
    t.strictSame(params, { starttime: START, ...expected, nextStepTime: now + expected.stepDuration });
  }
  t.end();
});

t.test('what the annotation carries comes back, and what does not add up is dropped', (t) => {
  const state = withParams(rollout(100, ['a', 60], ['b', 40]), { starttime: START, stepSize: 3 });
  t.strictSame(parseRollout(formatRollout(state)), state);
  for (const text of [
    '',
    'nonsense',
    '[]',
    '{"configurations":[{"configurationName":"c","percent":100,"revisions":[{"revisionName":"a","percent":60}]}]}',
    '{"configurations":[{"configurationName":"c","percent":120,"revisions":[{"revisionName":"a","percent":120}]}]}',
    '{"configurations":[{"percent":1}]}',
  ])
    t.equal(parseRollout(text), undefined, text);
  t.strictSame(parseRollout('{}'), { configurations: [] });
  t.end();
});

t.test('whatever happens, shares add up, nothing is negative, and it ends', (t) => {
  const event = fc.record({
    wait: fc.integer({ min: 0, max: 120 }),
    deploy: fc.boolean(),
    percent: fc.integer({ min: 2, max: 100 }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), fc.integer({ min: 2, max: 600 }), (events, duration) => {
      let now = START;
      let version = 1;
      let state = rollout(100, ['r1', 100]);
      const check = (percent: number) => {
        const [one] = state.configurations;
        const list = one?.revisions ?? [];
        if (list.some((share) => share.percent <= 0)) return false;
        return (
          list.reduce((sum, share) => sum + share.percent, 0) === percent && list.at(-1)?.revisionName === `r${version}`
        );
      };
      let percent = 100;
      for (const { wait, deploy, percent: wanted } of events) {
        now += wait * SECOND;
        if (deploy) version++;
        percent = wanted;
        state = observeReady(state, now, duration);
        state = stepRollout(rollout(percent, [`r${version}`, percent]), state, now).rollout;
        if (!check(percent)) return false;
      }
      for (let steps = 0; !isDone(state); steps++) {
        if (steps > 200) return false;
        state = observeReady(state, now, duration);
        const { rollout: next, next: at } = stepRollout(rollout(percent, [`r${version}`, percent]), state, now);
        state = next;
        if (!check(percent)) return false;
        now = Math.max(now + SECOND, at);
      }
      return true;
    }),
  );
  t.end();
});

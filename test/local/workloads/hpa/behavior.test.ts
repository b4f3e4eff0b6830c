import fc from 'fast-check';
import t from 'tap';
import type { HorizontalPodAutoscaler } from '../../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import {
  NO_HISTORY,
  remember,
  stepTowards,
  type History,
  type Step,
} from '../../../../local/workloads/hpa/behavior.ts';

type Spec = HorizontalPodAutoscaler['spec'];

const NOW = 1_700_000_000_000;
const spec = (more: Partial<Spec> = {}): Spec => ({
  maxReplicas: 100,
  scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
  ...more,
});
const ago = (seconds: number, pods: number) => ({ at: NOW - seconds * 1000, pods });
const window = (seconds: number): Partial<Spec> => ({
  behavior: {
    scaleUp: { stabilizationWindowSeconds: seconds },
    scaleDown: { stabilizationWindowSeconds: seconds },
  },
});

const cases: [name: string, spec: Spec, current: number, desired: number, history: Partial<History>, Step][] = [
  ['where it wants to be', spec(), 5, 8, {}, { replicas: 8, held: undefined }],
  ['up by twice at most', spec(), 5, 30, {}, { replicas: 10, held: undefined, limited: 'ScaleUpLimit' }],
  ['but four at least', spec(), 1, 30, {}, { replicas: 4, held: undefined, limited: 'ScaleUpLimit' }],
  [
    'not above the maximum',
    spec({ maxReplicas: 6 }),
    5,
    9,
    {},
    { replicas: 6, held: undefined, limited: 'TooManyReplicas' },
  ],
  [
    'not below the minimum',
    spec({ minReplicas: 3 }),
    5,
    1,
    {},
    { replicas: 3, held: undefined, limited: 'TooFewReplicas' },
  ],
  ['nor below one', spec(), 5, 0, {}, { replicas: 1, held: undefined, limited: 'TooFewReplicas' }],
  [
    'down only when five minutes wanted less',
    spec(),
    5,
    2,
    { recommended: [ago(299, 4)] },
    { replicas: 4, held: 'ScaleDownStabilized' },
  ],
  ['then at once', spec(), 5, 2, { recommended: [ago(300, 4)] }, { replicas: 2, held: undefined }],
  [
    'a window both ways: up only when all of it wanted more',
    spec(window(20)),
    5,
    9,
    { recommended: [ago(19, 6)] },
    { replicas: 6, held: 'ScaleUpStabilized' },
  ],
  [
    'between the two nothing is done',
    spec(window(20)),
    5,
    9,
    { recommended: [ago(19, 3)] },
    { replicas: 5, held: 'ScaleUpStabilized' },
  ],
  [
    'what was added of late counts',
    spec(window(0)),
    8,
    30,
    { added: [ago(10, 4)] },
    { replicas: 8, held: undefined, limited: 'ScaleUpLimit' },
  ],
  [
    'a policy for down',
    spec({
      behavior: {
        scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }] },
      },
    }),
    9,
    1,
    { taken: [ago(30, 1)] },
    { replicas: 8, held: undefined, limited: 'ScaleDownLimit' },
  ],
  [
    'down disabled',
    spec({ behavior: { scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: 'Disabled' } } }),
    9,
    1,
    {},
    { replicas: 9, held: undefined, limited: 'ScaleDownLimit' },
  ],
];

for (const [name, given, current, desired, history, expected] of cases)
  void t.test(name, (t) => {
    t.strictSame(stepTowards(given, current, desired, { ...NO_HISTORY, ...history }, NOW), expected);
    t.end();
  });

void t.test('bounds hold, and what is remembered is bounded, whatever the metrics want', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 200 }), { maxLength: 100 }), fc.integer({ min: 1, max: 5 }), (wishes, min) => {
      const given = spec({ minReplicas: min, maxReplicas: min + 20 });
      let history = NO_HISTORY;
      let current = min;
      let now = NOW;
      for (const desired of wishes) {
        now += 15_000;
        const { replicas } = stepTowards(given, current, desired, history, now);
        if (replicas < min || replicas > min + 20) return false;
        history = remember(history, desired, current, replicas, now);
        current = replicas;
      }
      return history.recommended.length <= 240;
    }),
  );
  t.end();
});

import t from 'tap';
import type { AutoscalerMessage, BusyPod } from '../../../api/load-report.ts';
import { ANSWER_WITHIN, BusyPodsSurvey } from '../../../serving/autoscaler/busy-pods.ts';
import { ManualClock } from './manual-clock.ts';

const REVISION = { namespace: 'default', name: 'hello-00001' };

function setUp(activators: number) {
  const clock = new ManualClock();
  const asked: AutoscalerMessage[] = [];
  const survey = new BusyPodsSurvey({ clock, tell: (message) => (asked.push(message), activators) });
  const answer = (activator: string, pods: readonly BusyPod[], id = asked.at(-1)?.id ?? 0) =>
    survey.take({ type: 'busyPods', activator, at: clock.now(), id, pods });
  return { clock, asked, survey, answer };
}

void t.test('answers of all activators add up', async (t) => {
  const { survey, answer, asked, clock } = setUp(2);
  const found = survey.ask(REVISION);
  answer('a', [{ host: '10.0.0.1', inFlight: 2 }]);
  answer('b', [
    { host: '10.0.0.1', inFlight: 1 },
    { host: '10.0.0.2', inFlight: 4 },
  ]);
  t.strictSame(
    [...(await found)],
    [
      ['10.0.0.1', 3],
      ['10.0.0.2', 4],
    ],
  );
  t.strictSame(asked, [{ type: 'whichPodsAreBusy', id: 1, ...REVISION }]);
  t.equal(clock.pending, 0, 'no timer is left');
});

void t.test('with no activator there is nobody to wait for', async (t) => {
  const { survey } = setUp(0);
  t.equal((await survey.ask(REVISION)).size, 0);
});

void t.test('one that does not answer is waited for a moment only', async (t) => {
  const { survey, answer, clock } = setUp(2);
  const found = survey.ask(REVISION);
  answer('a', [{ host: '10.0.0.1', inFlight: 2 }]);
  clock.advance(ANSWER_WITHIN);
  t.strictSame([...(await found)], [['10.0.0.1', 2]]);
  answer('b', [{ host: '10.0.0.2', inFlight: 2 }]);
  const again = survey.ask(REVISION);
  answer('b', [{ host: '10.0.0.3', inFlight: 9 }], 1);
  clock.advance(ANSWER_WITHIN);
  t.equal((await again).size, 0, 'an answer to an earlier question is not one to this');
});

void t.test('a question that is open is not asked twice', async (t) => {
  const { survey, answer, asked } = setUp(1);
  const both = Promise.all([survey.ask(REVISION), survey.ask(REVISION)]);
  answer('a', [{ host: '10.0.0.1', inFlight: 2 }]);
  for (const found of await both) t.equal(found.get('10.0.0.1'), 2);
  t.equal(asked.length, 1);
});

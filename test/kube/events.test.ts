import t from 'tap';
import { Client } from '../../kube/client.ts';
import { EventRecorder, type CoreEvent } from '../../kube/events.ts';
import { silentLogger } from '../../kube/log.ts';

const object = (uid: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `pod-${uid}`, namespace: 'ns', uid },
});

function recorder() {
  const writes: { method: string; count: number; about: string }[] = [];
  let now = Date.parse('2026-11-24T12:00:00Z');
  const client = new Client({
    request({ method, path, body }) {
      const { count = 0 } = body as CoreEvent;
      writes.push({ method, count, about: /pod-\w+/.exec(`${path} ${JSON.stringify(body)}`)?.[0] ?? '' });
      return Promise.resolve({ status: 200, body });
    },
    watch: () => ({ close: () => undefined }),
  });
  const events = new EventRecorder(client, 'me', { now: () => now, after: () => () => undefined }, silentLogger);
  const record = async (uid: string, message = 'no') => {
    events.record(object(uid), 'Warning', 'InternalError', message);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { writes, record, pass: (ms: number) => (now += ms) };
}

t.test('an object that keeps failing is counted, and written about ever more rarely', async (t) => {
  const { writes, record, pass } = recorder();
  for (let i = 0; i < 100; i++) {
    await record('a');
    pass(1_000);
  }
  t.equal(writes.length, 25, 'as many as Kubernetes’ own clients write at once');
  t.equal(writes[0]?.method, 'POST');
  await record('b');
  t.match(writes.at(-1), { method: 'POST', count: 1, about: 'pod-b' }, 'others are not kept from theirs');
  pass(300_000);
  await record('a');
  t.match(
    writes.at(-1),
    { method: 'PATCH', count: 101, about: 'pod-a' },
    'one more in five minutes, with the full count',
  );
  await record('a');
  t.equal(writes.length, 27);
});

t.test('a clock that is set back gives nothing and takes nothing', async (t) => {
  const { writes, record, pass } = recorder();
  for (let i = 0; i < 10; i++) await record('a', `message ${i}`);
  pass(-3_600_000);
  for (let i = 0; i < 30; i++) await record('a', `message ${i}`);
  t.equal(writes.length, 25);
});

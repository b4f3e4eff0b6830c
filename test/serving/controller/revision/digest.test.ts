import t from 'tap';
import {
  DigestResolver,
  type DigestRequest,
  type DigestState,
} from '../../../../serving/controller/revision/digest.ts';

const KEY = { namespace: 'default', name: 'late-00001' };
const REQUEST: DigestRequest = { images: ['late'], timeout: 10_000, skipRegistries: [] };
const DIGEST = `late@sha256:${'a'.repeat(64)}`;

/** A resolver whose back-off never ends: only news of images can bring another attempt. */
function given(resolveImage: () => Promise<string>) {
  const clock = { now: () => 0, after: () => () => undefined };
  const digests = new DigestResolver({ resolveImage, clock });
  const woken: string[] = [];
  const waiting: (() => void)[] = [];
  digests.onSettled((key) => {
    woken.push(key.name);
    waiting.splice(0).forEach((resolve) => resolve());
  });
  return { digests, woken, wake: () => new Promise<void>((resolve) => waiting.push(resolve)) };
}

void t.test('an image that appears is found at once, whatever the back-off', async (t) => {
  let there = false;
  let attempts = 0;
  const { digests, woken } = given(() => {
    attempts++;
    return there ? Promise.resolve(DIGEST) : Promise.reject(new Error('not in the store'));
  });
  t.match(await digests.resolve(KEY, REQUEST), { state: 'failed' });
  t.match(await digests.resolve(KEY, REQUEST), { state: 'failed' }, 'held back');
  t.equal(attempts, 1);
  there = true;
  digests.retryFailed();
  t.strictSame(woken, ['late-00001']);
  t.match(await digests.resolve(KEY, REQUEST), { state: 'resolved' } satisfies Partial<DigestState>);
});

void t.test('an image that appears while an attempt is failing is not missed', async (t) => {
  let fail: (error: Error) => void = () => undefined;
  const { digests, wake } = given(() => new Promise<string>((_, reject) => (fail = reject)));
  const first = digests.resolve(KEY, REQUEST);
  await new Promise((resolve) => setImmediate(resolve));
  digests.retryFailed();
  const woken = wake();
  fail(new Error('not in the store'));
  await first;
  await woken;
  const second = digests.resolve(KEY, REQUEST);
  await new Promise((resolve) => setImmediate(resolve));
  fail(new Error('not in the store'));
  t.match(await second, { state: 'failed' }, 'a second attempt was made');
});

void t.test('what has its digests is left in peace', async (t) => {
  const { digests, woken } = given(() => Promise.resolve(DIGEST));
  await digests.resolve(KEY, REQUEST);
  digests.retryFailed();
  t.strictSame(woken, []);
});

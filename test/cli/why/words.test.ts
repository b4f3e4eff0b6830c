import fc from 'fast-check';
import t from 'tap';
import { shellWord } from '../../../cli/shell-word.ts';
import { applyCommand, editDistance, formatAge, formatSeconds, nearest } from '../../../cli/why/words.ts';
import { typeOf } from '../../../cli/why/subject.ts';

t.test('ages and times as people read them', (t) => {
  const ages: [milliseconds: number, text: string][] = [
    [-5, '0s'],
    [999, '0s'],
    [61_000, '1m1s'],
    [3_600_000, '1h'],
    [3_661_000, '1h1m'],
    [90_000_000, '1d1h'],
  ];
  for (const [milliseconds, text] of ages) t.equal(formatAge(milliseconds), text);
  t.equal(formatSeconds(0.0712), '71 ms');
  t.equal(formatSeconds(1.256), '1.26 s');
  t.end();
});

t.test('what was meant', (t) => {
  const names = ['hello', 'orders', 'order-printer', 'shop'];
  const cases: [word: string, meant: string[]][] = [
    ['helo', ['hello']],
    ['hello-world', ['hello']],
    ['ordres', ['orders']],
    ['zzz', []],
  ];
  for (const [word, meant] of cases) t.strictSame(nearest(word, names), meant, word);
  t.end();
});

t.test('the distance between words is a distance', (t) => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      const ab = editDistance(a, b);
      return ab === editDistance(b, a) && (ab === 0) === (a === b) && editDistance(a, c) <= ab + editDistance(b, c);
    }),
  );
  t.end();
});

t.test('words for kinds: ours is meant where Kubernetes has one of the same name', (t) => {
  const cases: [word: string, kind: string][] = [
    ['ksvc', 'Service serving.knative.dev'],
    ['service', 'Service serving.knative.dev'],
    ['services.serving.knative.dev', 'Service serving.knative.dev'],
    ['rev', 'Revision serving.knative.dev'],
    ['king', 'Ingress networking.internal.knative.dev'],
    ['deployments', 'Deployment apps'],
    ['Pod', 'Pod '],
  ];
  for (const [word, kind] of cases) t.equal(`${typeOf(word).kind} ${typeOf(word).group}`, kind, word);
  t.throws(() => typeOf('revison'), /did you mean revision\?/);
  t.throws(() => typeOf('secret'), /does not know the kind "secret"/);
  t.end();
});

t.test('a command that makes an object survives quotes', (t) => {
  t.equal(applyCommand({ a: "it's" }, ' -n x'), `echo ${shellWord(`{"a":"it's"}`)} | zeroth apply -n x -f -`);
  t.end();
});

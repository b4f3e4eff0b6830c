import fc from 'fast-check';
import t from 'tap';
import { expiryOf, reasonToIssue, renewalTime } from '../../../../serving/controller/certificate/key-pair.ts';
import { Authority } from '../../authority.ts';

const DAY = 24 * 60 * 60 * 1000;

t.test('a certificate is replaced before it expires, never too early, and whenever it does not fit', async (t) => {
  const [ours, other] = [await Authority.make(), await Authority.make()];
  const names = ['a.example.com', '*.b.example.com'];
  const [pair, stranger] = [await ours.issue(names), await other.issue(names)];
  const [renewal, expiry] = [renewalTime(pair.cert), expiryOf(pair.cert)];
  t.ok(renewal < expiry);
  t.ok(expiry - renewal > 12 * 60 * 60 * 1000, 'a third of its two days');
  const good = { caCert: ours.caCert, dnsNames: names };
  fc.assert(
    fc.property(fc.integer({ min: -400 * DAY, max: 400 * DAY }), (offset) => {
      const now = expiry + offset;
      return (reasonToIssue(pair, { ...good, now }) === undefined) === now < renewal;
    }),
  );
  const now = Date.now();
  const table: [string, typeof pair, Parameters<typeof reasonToIssue>[1], RegExp][] = [
    ['another CA', stranger, { ...good, now }, /another CA/],
    ['another key', { cert: pair.cert, key: stranger.key }, { ...good, now }, /key/],
    ['no PEM', { cert: 'x', key: pair.key }, { ...good, now }, /read/],
    ['a name more', pair, { ...good, now, dnsNames: [...names, 'c.example.com'] }, /names/],
    ['a name less', pair, { ...good, now, dnsNames: ['a.example.com'] }, /names/],
  ];
  for (const [name, given, expected, reason] of table) t.match(reasonToIssue(given, expected), reason, name);
  const shuffled = { ...good, now, dnsNames: ['*.B.example.com', 'A.example.com'] };
  t.equal(reasonToIssue(pair, shuffled), undefined, 'order and case of names say nothing');
});

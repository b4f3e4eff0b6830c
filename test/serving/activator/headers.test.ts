import t from 'tap';
import { endToEnd, forwardedElement, forwardedHeaders, headerOf, withSet } from '../../../serving/activator/headers.ts';

const VIA = { peer: '127.0.0.9', authority: 'hello.default.localhost:8080', scheme: 'http' };

void t.test('what concerns one connection stays behind', async (t) => {
  const given = ['Connection', 'close, X-Hop', 'X-Hop', '1', 'Keep-Alive', 'x', 'TE', 'trailers', 'X-End', '2'];
  t.same(endToEnd(given), ['X-End', '2']);
  t.same(
    endToEnd(['Connection', 'Content-Length, Host', 'Content-Length', '5', 'A', 'b']),
    ['Content-Length', '5', 'A', 'b'],
    'a client cannot have the framing taken away',
  );
});

void t.test('the pod learns where the request came from', async (t) => {
  const headers = forwardedHeaders(['Host', 'x', 'Accept', '*/*'], VIA);
  t.same(headers, [
    ...['Accept', '*/*'],
    ...['X-Forwarded-For', '127.0.0.9'],
    ...['X-Forwarded-Host', 'hello.default.localhost:8080'],
    ...['X-Forwarded-Proto', 'http'],
    ...['K-Proxy-Request', 'activator'],
    ...['Forwarded', 'for=127.0.0.9;host="hello.default.localhost:8080";proto=http'],
  ]);
});

void t.test('what proxies before us said is continued, Knative’s inner headers are not believed', async (t) => {
  const headers = forwardedHeaders(
    [
      ...['X-Forwarded-For', '10.0.0.1'],
      ...['x-forwarded-for', '::1'],
      ...['X-Forwarded-Proto', 'https'],
      ...['X-Forwarded-Host', 'shop.example'],
      ...['K-Original-Host', 'evil'],
      ...['Knative-Serving-Revision', 'evil'],
      ...['K-Proxy-Request', 'evil'],
    ],
    VIA,
  );
  t.equal(headerOf(headers, 'x-forwarded-for'), '10.0.0.1, ::1, 127.0.0.9');
  t.equal(headerOf(headers, 'x-forwarded-proto'), 'https');
  t.equal(headerOf(headers, 'forwarded'), 'for=10.0.0.1;host=shop.example;proto=https, for="[::1]", for=127.0.0.9');
  t.equal(headerOf(headers, 'k-original-host'), undefined);
  t.equal(headerOf(headers, 'knative-serving-revision'), undefined);
  t.equal(headerOf(headers, 'k-proxy-request'), 'activator');
  const own = forwardedHeaders(['Forwarded', 'for=a'], VIA);
  t.equal(headerOf(own, 'forwarded'), 'for=a', 'kept when there is one');
});

void t.test('quoting in Forwarded', async (t) => {
  t.equal(forwardedElement('a, ,b', 'h"x', 'http'), 'for=a;host="h\\"x";proto=http, for=b');
});

void t.test('headers that a rule sets replace the client’s', async (t) => {
  t.same(withSet(['Knative-Serving-Tag', 'forged', 'A', 'b'], ['Knative-Serving-Tag', 'blue']), [
    ...['A', 'b'],
    ...['Knative-Serving-Tag', 'blue'],
  ]);
});

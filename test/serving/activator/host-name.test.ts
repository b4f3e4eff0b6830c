import t from 'tap';
import { isLoopback, normalizeHost, parseServiceName, portOf } from '../../../serving/activator/host-name.ts';

void t.test('a Host header is read without port, case and trailing dot', async (t) => {
  const table: [string, string | undefined][] = [
    ['hello.default.localhost', 'hello.default.localhost'],
    ['Hello.Default.LOCALHOST:8080', 'hello.default.localhost'],
    ['hello.default.localhost.', 'hello.default.localhost'],
    ['hello.default.localhost.:80', 'hello.default.localhost'],
    ['127.0.0.1:8080', '127.0.0.1'],
    ['[::1]:8080', '[::1]'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    ['', undefined],
    ['a b', undefined],
    ['a:b', undefined],
    ['a:123456', undefined],
    ['user@host', undefined],
    ['[::1', undefined],
    ['a/b', undefined],
    ['a,b', undefined],
  ];
  for (const [given, expected] of table) t.equal(normalizeHost(given), expected, JSON.stringify(given));
});

void t.test('the names of a Kubernetes Service', async (t) => {
  const broker = { namespace: 'knative-eventing', name: 'broker-ingress' };
  const table: [string, object | undefined][] = [
    ['broker-ingress.knative-eventing.svc.cluster.local', broker],
    ['broker-ingress.knative-eventing.svc', broker],
    ['broker-ingress.knative-eventing', broker],
    ['broker-ingress', undefined],
    ['a.b.c', undefined],
    ['a.b.c.svc', undefined],
    ['.b', undefined],
    ['pod.a.b.svc.cluster.local', undefined],
  ];
  for (const [given, expected] of table) t.same(parseServiceName(given, 'cluster.local'), expected, given);
});

void t.test('ports and loopback addresses', async (t) => {
  t.equal(portOf('a:80'), 80);
  t.equal(portOf('a'), undefined);
  t.equal(portOf('[::1]:8'), 8);
  for (const address of ['127.0.0.1', '127.42.0.1', '::1', 'localhost']) t.ok(isLoopback(address), address);
  for (const address of ['0.0.0.0', '10.0.0.1', '::']) t.notOk(isLoopback(address), address);
});

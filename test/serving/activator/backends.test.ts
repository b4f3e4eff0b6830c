import t from 'tap';
import type { EndpointSlice } from '../../../api/core.ts';
import { Backends, revisionKey, serviceKey } from '../../../serving/activator/backends.ts';

function slice(name: string, labels: Record<string, string>, more: Partial<EndpointSlice>): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels },
    addressType: 'IPv4',
    endpoints: [],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    ...more,
  };
}
const PRIVATE = {
  'kubernetes.io/service-name': 'rev-private',
  'networking.internal.knative.dev/serviceType': 'Private',
  'serving.knative.dev/revision': 'rev',
};
const ready = (...hosts: string[]) => hosts.map((host) => ({ addresses: [host], conditions: { ready: true } }));
const texts = (backends: Backends, owner: string, port?: string) =>
  backends.addressesOf(owner, port).map(({ host, port }) => `${host}:${port}`);

void t.test('a revision’s ready pods over several slices', async (t) => {
  const changed: string[] = [];
  const backends = new Backends((owner) => changed.push(owner));
  const a = slice('a', PRIVATE, {
    endpoints: [...ready('127.1.1.2', '127.1.1.1'), { addresses: ['127.1.1.3'], conditions: { ready: false } }],
  });
  const b = slice('b', PRIVATE, { endpoints: ready('127.1.1.4'), ports: [{ name: 'http', port: 9000 }] });
  backends.take(undefined, a);
  backends.take(undefined, b);
  const revision = revisionKey('default', 'rev');
  t.same(texts(backends, revision), ['127.1.1.1:8080', '127.1.1.2:8080', '127.1.1.4:9000']);
  const gone = { ...a, endpoints: [] };
  backends.take(a, gone);
  t.same(texts(backends, revision), ['127.1.1.4:9000']);
  t.ok(backends.has(revision));
  backends.take(gone, undefined);
  backends.take(b, undefined);
  t.same(texts(backends, revision), []);
  t.notOk(backends.has(revision));
  t.same(new Set(changed), new Set([revision]));
});

void t.test('a Service’s port by name; the public Service of a revision is no backend', async (t) => {
  const backends = new Backends(() => undefined);
  const ports = [
    { name: 'metrics', port: 9090 },
    { name: 'http', port: 80 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ];
  backends.take(
    undefined,
    slice('s', { 'kubernetes.io/service-name': 'svc' }, { endpoints: ready('127.1.1.1'), ports }),
  );
  const service = serviceKey('default', 'svc');
  t.same(texts(backends, service), ['127.1.1.1:80']);
  t.same(texts(backends, service, 'metrics'), ['127.1.1.1:9090']);
  t.same(texts(backends, service, 'unknown'), ['127.1.1.1:80']);

  const labels = {
    'kubernetes.io/service-name': 'rev',
    'networking.internal.knative.dev/serviceType': 'Public',
  };
  backends.take(undefined, slice('p', labels, { endpoints: ready('127.1.0.1') }));
  t.notOk(backends.has(serviceKey('default', 'rev')));
});

import t from 'tap';
import type { Ingress, IngressRule } from '../../../api/networking/ingress.ts';
import { RoutingTable, type Scope } from '../../../serving/activator/table.ts';

function ingress(rules: IngressRule[], more: { generation?: number; created?: string } = {}): Ingress {
  return {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'Ingress',
    metadata: {
      name: 'x',
      namespace: 'default',
      generation: more.generation ?? 1,
      creationTimestamp: more.created ?? '2026-11-24T00:00:00Z',
    },
    spec: { rules },
  };
}

function rule(hosts: string[], service: string, more: Partial<IngressRule> & { path?: object } = {}): IngressRule {
  const { path, ...rest } = more;
  const split = { serviceName: service, serviceNamespace: 'default', servicePort: 80, percent: 100 };
  return { hosts, http: { paths: [{ splits: [split], ...path }] }, ...rest };
}

function find(
  table: RoutingTable,
  host: string,
  scope: Scope,
  path = '/',
  headers: Record<string, string> = {},
): string {
  const lookup = table.lookup(host, scope, path, (name) => headers[name]);
  return lookup.found === 'rule' ? lookup.rule.targets[lookup.rule.deck.draw()]!.service : lookup.found;
}

void t.test('a listener serves the hosts of its scope', async (t) => {
  const table = new RoutingTable();
  table.set(
    'default/x',
    ingress([
      rule(['Hello.default.localhost'], 'ext'),
      rule(['hello.default.svc.cluster.local', 'hello.default'], 'loc', { visibility: 'ClusterLocal' }),
    ]),
  );
  const cases: [string, Scope, string][] = [
    ['hello.default.localhost', 'external', 'ext'],
    ['hello.default.localhost', 'cluster', 'nothing'],
    ['hello.default.localhost', 'all', 'ext'],
    ['hello.default', 'external', 'nothing'],
    ['hello.default', 'cluster', 'loc'],
    ['hello.default.svc.cluster.local', 'all', 'loc'],
    ['other.default', 'all', 'nothing'],
  ];
  for (const [host, scope, expected] of cases) t.equal(find(table, host, scope), expected, `${host} ${scope}`);
});

void t.test('the longest prefix wins, then the most headers', async (t) => {
  const table = new RoutingTable();
  const split = (service: string) => [{ serviceName: service, serviceNamespace: 'default', servicePort: 80 }];
  table.set(
    'default/x',
    ingress([
      {
        hosts: ['h.example'],
        http: {
          paths: [
            { splits: split('default') },
            { headers: { 'Knative-Serving-Tag': { exact: 'blue' } }, splits: split('blue') },
            { path: '/.well-known/', splits: split('challenge') },
          ],
        },
      },
    ]),
  );
  t.equal(find(table, 'h.example', 'external'), 'default');
  t.equal(find(table, 'h.example', 'external', '/', { 'knative-serving-tag': 'blue' }), 'blue');
  t.equal(find(table, 'h.example', 'external', '/', { 'knative-serving-tag': 'other' }), 'default');
  t.equal(find(table, 'h.example', 'external', '/.well-known/x', { 'knative-serving-tag': 'blue' }), 'challenge');
});

void t.test('a host without a rule for the path is known all the same', async (t) => {
  const table = new RoutingTable();
  table.set('default/x', ingress([rule(['h.example'], 'a', { path: { path: '/a' } })]));
  t.equal(find(table, 'h.example', 'external', '/b'), 'host');
});

void t.test('of two claims to a host the older wins, and the other takes over when it goes', async (t) => {
  const table = new RoutingTable();
  table.set('default/new', ingress([rule(['h.example'], 'new')], { created: '2026-11-24T02:00:00Z' }));
  table.set('default/old', ingress([rule(['h.example'], 'old')], { created: '2026-11-24T01:00:00Z' }));
  t.equal(find(table, 'h.example', 'external'), 'old');
  table.delete('default/old');
  t.equal(find(table, 'h.example', 'external'), 'new');
  table.delete('default/new');
  table.delete('default/new');
  t.equal(find(table, 'h.example', 'external'), 'nothing');
  t.equal(table.size, 0);
});

void t.test('a new version replaces hosts and keeps the place in a split that did not change', async (t) => {
  const table = new RoutingTable();
  const splits = [90, 10].map((percent, i) => ({
    serviceName: `r${i}`,
    serviceNamespace: 'default',
    servicePort: 80,
    percent,
  }));
  const canary: IngressRule = { hosts: ['h.example'], http: { paths: [{ splits }] } };
  const counts: Record<string, number> = {};
  for (let generation = 1; generation <= 1000; generation++) {
    table.set('default/x', ingress([canary, rule([`g${generation}.example`], 'tag')], { generation }));
    const service = find(table, 'h.example', 'external');
    counts[service] = (counts[service] ?? 0) + 1;
  }
  t.same(counts, { r0: 900, r1: 100 });
  t.equal(find(table, 'g999.example', 'external'), 'nothing');
  t.equal(find(table, 'g1000.example', 'external'), 'tag');
  t.equal(table.generationOf('default/x'), 1000);
  t.equal(table.generationOf('default/y'), undefined);
});

void t.test('one of 1,000 Ingresses changes: the others are not touched', async (t) => {
  const table = new RoutingTable();
  for (let i = 0; i < 1000; i++) table.set(`default/i${i}`, ingress([rule([`h${i}.example`], `s${i}`)]));
  const before = table.lookup('h7.example', 'external', '/', () => undefined);
  table.set('default/i8', ingress([rule(['h8.example'], 'changed')], { generation: 2 }));
  const after = table.lookup('h7.example', 'external', '/', () => undefined);
  t.ok(before.found === 'rule' && after.found === 'rule' && before.rule === after.rule);
  t.equal(find(table, 'h8.example', 'external'), 'changed');
});

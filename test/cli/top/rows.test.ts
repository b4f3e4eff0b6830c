import fc from 'fast-check';
import t from 'tap';
import { parseSamples } from '../../../cli/prometheus-text.ts';
import { quantile, rowsOf, type Bucket, type Row } from '../../../cli/top/rows.ts';
import { countedOf, usedOf, type Snapshot } from '../../../cli/top/snapshot.ts';
import { cpuText, memoryText, rateText, secondsText, tableOf } from '../../../cli/top/table.ts';

const BOUNDS = [0.01, 0.1, 1, Infinity];

/** A gateway's page after these requests, by seconds they took. */
function page(
  revision: string,
  seconds: readonly number[],
  more: { errors?: number; queued?: number; active?: number } = {},
): string {
  const labels = `namespace="shop",service="s",configuration="s",revision="${revision}"`;
  const lines = [`# HELP http_server_request_duration_seconds x`];
  const series = [
    ['2xx', seconds.slice(more.errors ?? 0)],
    ['5xx', seconds.slice(0, more.errors ?? 0)],
  ] as const;
  for (const [code, times] of series) {
    for (const bound of BOUNDS)
      lines.push(
        `http_server_request_duration_seconds_bucket{le="${bound === Infinity ? '+Inf' : bound}",${labels},code_class="${code}"} ${times.filter((one) => one <= bound).length}`,
      );
    lines.push(`http_server_request_duration_seconds_count{${labels},code_class="${code}"} ${times.length}`);
  }
  lines.push(
    `kn_revision_request_queued{${labels}} ${more.queued ?? 0}`,
    `kn_revision_request_active{${labels}} ${more.active ?? 0}`,
  );
  return lines.join('\n');
}

const at = (time: number, pages: readonly string[], revisions: readonly string[]): Snapshot => ({
  at: time,
  counted: countedOf(pages.flatMap((text) => parseSamples(text, () => true))),
  scales: new Map(revisions.map((name) => [`shop/${name}`, { service: 's', ready: 1, desired: 2 }])),
  used: new Map([['shop/a', { cpu: 0.25, memory: 64 * 2 ** 20 }]]),
});

t.test('what happened between two looks', (t) => {
  const before = at(1_000, [page('a', [0.05, 0.05]), page('gone', [1])], ['a', 'b', 'gone']);
  const after = at(
    3_000,
    [
      page('a', [...Array<number>(100).fill(0.05), ...Array<number>(100).fill(0.5), 0.05, 0.05], {
        errors: 10,
        queued: 3,
        active: 4,
      }),
    ],
    ['b', 'a'],
  );
  const rows = rowsOf(before, after);
  t.strictSame(
    rows.map(({ revision }) => revision),
    ['a', 'b'],
    'the busiest first, and what is gone is left out',
  );
  t.match(rows[0], {
    namespace: 'shop',
    rps: 100,
    errorRate: 5,
    inFlight: 4,
    queued: 3,
    ready: 1,
    desired: 2,
    cpu: 0.25,
  });
  t.match(
    rows[1],
    { rps: 0, p50: undefined, p99: undefined, cpu: 0, memory: 0 },
    'one without requests has no latency',
  );
  t.ok((rows[0]?.p50 ?? 0) > 0.09 && (rows[0]?.p50 ?? 0) <= 0.1);
  t.ok((rows[0]?.p99 ?? 0) > 0.9 && (rows[0]?.p99 ?? 0) < 1);
  t.end();
});

t.test('several gateways add up; one that was started anew counts from nothing', (t) => {
  const both = at(1_000, [page('a', [0.5], { active: 1 }), page('a', [0.5, 0.5], { active: 2 })], ['a']);
  const later = at(2_000, [page('a', [0.5], { active: 1 }), page('a', [0.5, 0.5, 0.5], { active: 1 })], ['a']);
  t.match(rowsOf(both, later)[0], { rps: 1, inFlight: 2 });
  const anew = at(3_000, [page('a', [0.05])], ['a']);
  const [row] = rowsOf(later, anew);
  t.equal(row?.rps, 1);
  t.ok((row?.p50 ?? 1) < 0.1, 'buckets too');
  t.end();
});

t.test('without anybody who measures pods there is no number, not a zero', (t) => {
  const one = { ...at(0, [], ['a']), used: undefined };
  t.match(rowsOf(one, { ...one, at: 1_000 })[0], { cpu: undefined, memory: undefined });
  t.end();
});

t.test('a quantile lies in the bucket that holds that request, and grows with its share', (t) => {
  const seconds = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(
      seconds,
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (times, p, q) => {
        const buckets = BOUNDS.map((bound): Bucket => [bound, times.filter((one) => one <= bound).length]);
        const share = Math.min(p, q);
        const value = quantile(buckets, share) ?? -1;
        const sorted = [...times].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(share * times.length) - 1)] ?? 0;
        const upper = BOUNDS.find((bound) => exact <= bound) ?? Infinity;
        const lower = BOUNDS.filter((bound) => bound < upper).at(-1) ?? 0;
        const inside = upper === Infinity ? value === lower : value >= lower && value <= upper;
        return inside && value <= (quantile(buckets, Math.max(p, q)) ?? -1) + 1e-9;
      },
    ),
  );
  t.equal(quantile([], 0.5), undefined);
  t.equal(
    quantile(
      [
        [1, 0],
        [Infinity, 0],
      ],
      0.5,
    ),
    undefined,
  );
  t.end();
});

t.test("the kubelet's quantities add up by revision", (t) => {
  const item = (name: string, revision: string | undefined, usage: object[]) => ({
    metadata: {
      name,
      namespace: 'shop',
      labels: revision === undefined ? {} : { 'serving.knative.dev/revision': revision },
    },
    containers: usage.map((one, i) => ({ name: String(i), usage: one })),
  });
  const used = usedOf({
    items: [
      item('p1', 'a', [
        { cpu: '250m', memory: '64Mi' },
        { cpu: '1000000n', memory: '1024Ki' },
      ]),
      item('p2', 'a', [{ cpu: '1', memory: '1Mi' }]),
      item('other', undefined, [{ cpu: '9', memory: '9Gi' }]),
    ],
  } as never);
  t.strictSame([...used.keys()], ['shop/a']);
  t.ok(Math.abs((used.get('shop/a')?.cpu ?? 0) - 1.251) < 1e-9);
  t.equal(used.get('shop/a')?.memory, 66 * 2 ** 20);
  t.end();
});

const row = (revision: string, more: Partial<Row> = {}): Row => ({
  namespace: 'shop',
  service: 's',
  revision,
  rps: 0,
  errorRate: 0,
  p50: undefined,
  p99: undefined,
  inFlight: 0,
  queued: 0,
  ready: 0,
  desired: 0,
  cpu: undefined,
  memory: undefined,
  ...more,
});

t.test('the table fits the terminal and says what it leaves out', (t) => {
  const rows = [
    row('a', { rps: 1234.5, p50: 0.0012, p99: 1.5, inFlight: 2, ready: 1, desired: 3, cpu: 0.25, memory: 2 ** 26 }),
  ];
  t.equal(
    tableOf(rows, { namespaces: true }),
    `NAMESPACE   REVISION   REQ/S   P50     P99    5XX/S   IN FLIGHT   QUEUED   PODS   CPU    MEMORY
shop        a          1235    1.2ms   1.5s   0       2           0        1/3    250m   64Mi
`,
  );
  const many = Array.from({ length: 300 }, (_, i) => row(`r-${i}`));
  const lines = tableOf(many, { namespaces: false, lines: 10, width: 30 }).trimEnd().split('\n');
  t.equal(lines.length, 10);
  t.equal(lines.at(-1), '… and 292 more with less load'.slice(0, 30));
  t.ok(lines.every((line) => line.length <= 30));
  t.equal(
    tableOf(many.slice(0, 9), { namespaces: false, lines: 10 }).trimEnd().split('\n').length,
    10,
    'all, where they fit',
  );
  t.end();
});

t.test('numbers as short as they are useful', (t) => {
  t.strictSame([0, 0.04, 3.21, 10.4].map(rateText), ['0', '<0.1', '3.2', '10']);
  t.strictSame([undefined, 0.0005, 0.0456, 12.34].map(secondsText), ['-', '0.5ms', '46ms', '12.3s']);
  t.strictSame([undefined, 0.0014].map(cpuText), ['-', '1m']);
  t.strictSame([undefined, 2 ** 20].map(memoryText), ['-', '1Mi']);
  t.end();
});

t.test('Prometheus text: escapes, infinities, time stamps, and what is no sample', (t) => {
  const text = 'a{x="q\\"uo\\\\te\\n",y=""} 1 1700000000\nb +Inf\n# c 1\n\nd{} -Inf\nbroken{\ne 2.5e-3\n';
  t.strictSame(
    parseSamples(text, (name) => name !== 'b'),
    [
      { name: 'a', labels: { x: 'q"uo\\te\n', y: '' }, value: 1 },
      { name: 'd', labels: {}, value: -Infinity },
      { name: 'e', labels: {}, value: 0.0025 },
    ],
  );
  t.end();
});

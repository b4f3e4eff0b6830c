import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { Answers } from '../validation/cases.ts';

type Data = Record<string, string>;

const FOLDER = 'test/serving/controller/config/cases';
const casesOf = <T>(file: string): [string, T[]][] =>
  Object.entries(parse(readFileSync(`${FOLDER}/${file}.yaml`, 'utf8')) as Record<string, T[]>);

const answers = await Answers.open();
t.teardown(() => answers.close());

for (const [name, cases] of casesOf<{ data: Data; says: string }>('refused'))
  t.test(`what makes no sense is refused as it is written: ${name}`, async (t) => {
    for (const { data, says } of cases) t.equal((await answers.write(name, data)).refused, says, JSON.stringify(data));
  });

for (const [name, cases] of casesOf<{ data: Data }>('accepted'))
  t.test(`what makes sense is taken: ${name}`, async (t) => {
    for (const { data } of cases) {
      const { refused, object } = await answers.write(name, data);
      t.equal(refused, undefined, JSON.stringify(data));
      t.strictSame(object['data'] ?? {}, data, 'and kept as it is');
    }
  });

t.test('ours are stricter where Knative would misread', async (t) => {
  for (const [name, data, says] of [
    ['config-network', { 'zeroth.external-port': '99999' }, 'expected 1 <= 99999 <= 65535: zeroth.external-port'],
    [
      'config-network',
      { 'namespace-wildcard-cert-selector': 'team: a' },
      'failed to parse "namespace-wildcard-cert-selector": expected a label selector',
    ],
    ['config-domain', { 'a.com': 'selector: x' }, 'failed to parse "a.com": expected "selector:" with a map of labels'],
    [
      'config-autoscaler',
      { 'target-burst-capacity': 'NaN' },
      'failed to parse data: failed to parse "target-burst-capacity": strconv.ParseFloat: parsing "NaN": invalid syntax',
    ],
  ] as const)
    t.equal((await answers.write(name, data)).refused, says);
});

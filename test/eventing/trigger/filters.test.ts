import fc from 'fast-check';
import t from 'tap';
import type { SubscriptionsApiFilter, Trigger } from '../../../api/eventing/trigger.ts';
import type { EventAttributes } from '../../../eventing/trigger/attributes.ts';
import { attributeText, compileFilter, compileTriggerFilter } from '../../../eventing/trigger/filters.ts';

const event: EventAttributes = {
  specversion: '1.0',
  id: '1',
  source: '/orders',
  type: 'com.example.order.created',
  time: '2026-01-02T03:04:05Z',
  datacontenttype: 'application/json; charset=utf-8',
  extension: 'value',
  flag: true,
  count: 7,
};

const attributeCases: [name: string, attributes: Record<string, string> | undefined, passes: boolean][] = [
  ['no filter passes all', undefined, true],
  ['an empty filter passes all', {}, true],
  ['equal values', { type: 'com.example.order.created', source: '/orders' }, true],
  ['one unequal value', { type: 'com.example.order.created', source: '/other' }, false],
  ['an empty value asks for presence', { extension: '' }, true],
  ['an empty value and an absent attribute', { subject: '' }, false],
  ['an absent attribute', { subject: 'x' }, false],
  ['time as text', { time: '2026-01-02T03:04:05Z' }, true],
  ['the media type without parameters', { datamediatype: 'application/json' }, true],
  ['the content type with parameters', { datacontenttype: 'application/json; charset=utf-8' }, true],
  ['a boolean extension', { flag: 'true' }, true],
  ['an integer extension', { count: '7' }, true],
  ['no inherited property is an attribute', { constructor: '' }, false],
];

t.test('attribute filters deliver exactly what they name', (t) => {
  for (const [name, attributes, passes] of attributeCases) {
    const spec = { filter: attributes && { attributes } };
    t.equal(compileTriggerFilter(spec)(event), passes, name);
  }
  t.end();
});

const dialectCases: [name: string, filter: SubscriptionsApiFilter, passes: boolean][] = [
  ['no dialect', {}, true],
  ['exact', { exact: { type: 'com.example.order.created' } }, true],
  ['exact needs all keys', { exact: { type: 'com.example.order.created', source: '/x' } }, false],
  ['prefix', { prefix: { type: 'com.example.' } }, true],
  ['prefix, other', { prefix: { type: 'org.' } }, false],
  ['prefix, absent attribute', { prefix: { subject: 'a' } }, false],
  ['suffix', { suffix: { type: '.created', source: 'orders' } }, true],
  ['suffix, other', { suffix: { type: '.deleted' } }, false],
  ['all', { all: [{ exact: { id: '1' } }, { prefix: { source: '/' } }] }, true],
  ['all, one fails', { all: [{ exact: { id: '1' } }, { prefix: { source: 'x' } }] }, false],
  ['any', { any: [{ exact: { id: '2' } }, { suffix: { source: 'ers' } }] }, true],
  ['any, none', { any: [{ exact: { id: '2' } }, { exact: { id: '3' } }] }, false],
  ['not', { not: { exact: { id: '2' } } }, true],
  ['not of an absent attribute', { not: { exact: { subject: 'x' } } }, true],
  [
    'nested',
    { not: { any: [{ exact: { id: '2' } }, { all: [{ exact: { id: '1' } }, { exact: { flag: 'true' } }] }] } },
    false,
  ],
];

t.test('dialects of the subscriptions API', (t) => {
  for (const [name, filter, passes] of dialectCases) t.equal(compileFilter(filter)(event), passes, name);
  t.end();
});

t.test('spec.filters wins over spec.filter, and all of it must pass', (t) => {
  const spec: Pick<Trigger['spec'], 'filter' | 'filters'> = {
    filter: { attributes: { type: 'nothing' } },
    filters: [{ exact: { id: '1' } }, { suffix: { source: 's' } }],
  };
  t.ok(compileTriggerFilter(spec)(event));
  t.notOk(compileTriggerFilter({ ...spec, filters: [] })(event), 'an empty list leaves it to filter');
  t.notOk(compileTriggerFilter({ filters: [{ exact: { id: '1' } }, { exact: { id: '2' } }] })(event));
  t.end();
});

t.test('not(f) is the opposite of f for every filter and event', (t) => {
  const text = fc.constantFrom('a', 'ab', 'b', 'ba');
  const map = fc.dictionary(fc.constantFrom('id', 'type', 'x'), text, { minKeys: 1, maxKeys: 2 });
  const { filter } = fc.letrec<{ filter: SubscriptionsApiFilter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      map.map((exact) => ({ exact })),
      map.map((prefix) => ({ prefix })),
      map.map((suffix) => ({ suffix })),
      fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map((all) => ({ all })),
      fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
    ),
  }));
  fc.assert(
    fc.property(filter, fc.dictionary(fc.constantFrom('id', 'type', 'x'), text), (one, attributes) => {
      return compileFilter({ not: one })(attributes) === !compileFilter(one)(attributes);
    }),
  );
  t.equal(attributeText(event, 'toString'), undefined);
  t.end();
});

import { CloudEvent, HTTP } from 'cloudevents';
import fc from 'fast-check';
import type { IncomingHttpHeaders } from 'node:http';
import t from 'tap';
import { decodeHeader, encodeHeader, parseEvents, renderEvent } from '../../../../eventing/broker/event/binding.ts';
import { decodeEvent, encodeEvent, type BrokerEvent } from '../../../../eventing/broker/event/event.ts';

const binary = (extra: IncomingHttpHeaders = {}): IncomingHttpHeaders => ({
  'ce-specversion': '1.0',
  'ce-id': '1',
  'ce-source': '/s',
  'ce-type': 'a.b',
  'content-type': 'application/json',
  ...extra,
});
const STRUCTURED = { 'content-type': 'application/cloudevents+json; charset=UTF-8' };
const BATCH = { 'content-type': 'application/cloudevents-batch+json' };
const base = { specversion: '1.0', id: '1', source: '/s', type: 'a.b' };
const json = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

const accepted: [
  name: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
  expected: { attributes: object; data?: string },
][] = [
  [
    'binary',
    binary({ 'ce-subject': 'x', 'ce-myext': 'v', 'ce-time': '2026-01-02T03:04:05.123Z' }),
    json({ a: 1 }),
    {
      attributes: {
        ...base,
        subject: 'x',
        myext: 'v',
        time: '2026-01-02T03:04:05.123Z',
        datacontenttype: 'application/json',
      },
      data: '{"a":1}',
    },
  ],
  ['binary without data', { ...binary(), 'content-type': undefined }, Buffer.alloc(0), { attributes: base }],
  [
    'binary, percent-encoded and raw UTF-8 values',
    binary({
      'ce-subject': 'Euro%20%E2%82%AC',
      'ce-other': Buffer.from('ü').toString('latin1'),
      'content-type': undefined,
    }),
    Buffer.alloc(0),
    { attributes: { ...base, subject: 'Euro €', other: 'ü' } },
  ],
  [
    'binary, quoted value',
    binary({ 'ce-subject': '"a b"', 'content-type': undefined }),
    Buffer.alloc(0),
    { attributes: { ...base, subject: 'a b' } },
  ],
  [
    'binary, version 0.3',
    binary({ 'ce-specversion': '0.3', 'content-type': undefined }),
    Buffer.alloc(0),
    { attributes: { ...base, specversion: '0.3' } },
  ],
  [
    'structured, data keeps its very bytes',
    STRUCTURED,
    json(
      '{"specversion":"1.0","id":"1","source":"/s","type":"a.b","n":3,"f":true,"x":null,"data": {"big":12345678901234567890, "s":"\\u00e9 \\"}" }}',
    ),
    {
      attributes: { ...base, n: 3, f: true, datacontenttype: 'application/json' },
      data: '{"big":12345678901234567890, "s":"\\u00e9 \\"}" }',
    },
  ],
  [
    'structured, text',
    STRUCTURED,
    json({ ...base, datacontenttype: 'text/plain', data: 'hi' }),
    { attributes: { ...base, datacontenttype: 'text/plain' }, data: 'hi' },
  ],
  [
    'structured, JSON string',
    STRUCTURED,
    json({ ...base, data: 'hi' }),
    { attributes: { ...base, datacontenttype: 'application/json' }, data: '"hi"' },
  ],
  [
    'structured, base64',
    STRUCTURED,
    json({ ...base, datacontenttype: 'image/png', data_base64: 'AAEC' }),
    { attributes: { ...base, datacontenttype: 'image/png' }, data: '\0\x01\x02' },
  ],
  [
    'structured 0.3, base64',
    STRUCTURED,
    json({ ...base, specversion: '0.3', datacontenttype: 'text/plain', datacontentencoding: 'base64', data: 'aGk=' }),
    { attributes: { ...base, specversion: '0.3', datacontenttype: 'text/plain' }, data: 'hi' },
  ],
  ['structured without data', STRUCTURED, json(base), { attributes: base }],
];

t.test('what is taken in, byte for byte', (t) => {
  for (const [name, headers, body, { attributes, data }] of accepted) {
    const [event] = parseEvents(headers, body);
    t.same(event?.attributes, attributes, name);
    t.equal(event?.data?.toString(), data, name);
  }
  t.end();
});

const refused: [name: string, headers: IncomingHttpHeaders, body: Buffer, message: RegExp][] = [
  ['no event at all', { 'content-type': 'application/json' }, json({}), /no CloudEvent/],
  ['no id', binary({ 'ce-id': undefined }), json({}), /"id" is missing/],
  ['no type', binary({ 'ce-type': '' }), json({}), /"type" is missing/],
  ['unknown version', binary({ 'ce-specversion': '2.0' }), json({}), /specversion "2.0"/],
  ['bad time', binary({ 'ce-time': 'yesterday' }), json({}), /"time" is not/],
  ['bad extension name', binary({ 'ce-my-ext': 'x' }), json({}), /attribute name "my-ext"/],
  ['bad source', binary({ 'ce-source': 'a b' }), json({}), /"source" is not a URI reference/],
  ['relative dataschema', binary({ 'ce-dataschema': 'x' }), json({}), /"dataschema" is not an absolute URI/],
  ['not JSON', STRUCTURED, json('{'), /not JSON/],
  ['not an object', STRUCTURED, json('[1]'), /must be a JSON object/],
  ['structured without source', STRUCTURED, json({ ...base, source: undefined }), /"source" is missing/],
  ['structured with a fractional attribute', STRUCTURED, json({ ...base, n: 1.5 }), /attribute "n"/],
  ['structured with an object attribute', STRUCTURED, json({ ...base, n: {} }), /attribute "n"/],
  ['upper-case attribute', STRUCTURED, json({ ...base, myExt: 'x' }), /attribute name "myExt"/],
  ['both kinds of data', STRUCTURED, json({ ...base, data: 1, data_base64: 'AAEC' }), /not both/],
  ['bad base64', STRUCTURED, json({ ...base, data_base64: '***' }), /not base64/],
  [
    'source that the library refuses',
    STRUCTURED,
    json({ ...base, source: 'http://[bad' }),
    /CloudEvents specification/,
  ],
  [
    'another format',
    { 'content-type': 'application/cloudevents+xml' },
    json('<x/>'),
    /format application\/cloudevents\+xml/,
  ],
  ['batch of no array', BATCH, json({}), /must be a JSON array/],
  ['batch with one bad event', BATCH, json([base, { ...base, id: '' }]), /event 1 of the batch/],
];

t.test('what is refused, and what the producer is told', (t) => {
  for (const [name, headers, body, message] of refused)
    t.throws(() => parseEvents(headers, body), { code: 'InvalidEvent', status: 400, message }, name);
  t.end();
});

t.test('a batch keeps its order and each data', (t) => {
  const body = json(
    '[ {"specversion":"1.0","id":"1","source":"/s","type":"a","data":1.0} ,{"specversion":"1.0","id":"2","source":"/s","type":"a","data":[1,2]}]',
  );
  const events = parseEvents(BATCH, body);
  t.same(
    events.map(({ attributes, data }) => [attributes['id'], data?.toString()]),
    [
      ['1', '1.0'],
      ['2', '[1,2]'],
    ],
  );
  t.same(parseEvents(BATCH, json([])), []);
  t.end();
});

const name = fc
  .stringMatching(/^[a-z][a-z0-9]{0,9}$/)
  .filter(
    (one) =>
      ![
        'data',
        'time',
        'dataschema',
        'specversion',
        'datacontenttype',
        'datacontentencoding',
        'schemaurl',
        '__proto__',
      ].includes(one) && one !== 'data_base64',
  );
const arbitraryEvent = fc
  .record({
    extensions: fc.dictionary(
      name,
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((one) => !/^".*"$/s.test(one)),
    ),
    type: fc.constantFrom('application/json', 'text/plain', 'application/octet-stream', undefined),
    data: fc.oneof(
      fc.json().map((one) => Buffer.from(one)),
      fc.uint8Array({ minLength: 1, maxLength: 64 }).map((one) => Buffer.from(one)),
      fc.constant(undefined),
    ),
  })
  .map(({ extensions, type, data }): BrokerEvent => {
    const attributes = { ...extensions, ...base, ...(type && { datacontenttype: type }) };
    return { attributes, data };
  });

t.test('an event survives the log and both encodings', (t) => {
  fc.assert(
    fc.property(arbitraryEvent, fc.constantFrom<'json' | 'binary'>('json', 'binary'), (event, format) => {
      const stored = decodeEvent(encodeEvent(event));
      t.same(stored, event);
      const { headers, body } = renderEvent(stored, format);
      const lower = Object.fromEntries(
        Object.entries(headers).map(([key, value]) => [key.toLowerCase(), String(value)]),
      );
      const [back] = parseEvents(lower, body ?? Buffer.alloc(0));
      const { datacontenttype: type, ...rest } = event.attributes;
      const { datacontenttype: backType, ...backRest } = back?.attributes ?? {};
      t.same(backRest, rest);
      // The JSON format says outright what an absent type means.
      if (type !== undefined) t.equal(backType, type);
      const [got, sent] = [back?.data ?? Buffer.alloc(0), event.data ?? Buffer.alloc(0)];
      // Space around a JSON value is not part of it.
      if (!got.equals(sent)) t.equal(got.toString(), sent.toString().trim());
    }),
    { numRuns: 200 },
  );
  t.end();
});

t.test('header values survive encoding', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const encoded = encodeHeader(text);
      t.match(encoded, /^[\x21-\x7e]*$/);
      t.equal(decodeHeader(encoded), text);
    }),
  );
  t.equal(encodeHeader('Euro € 😀'), 'Euro%20%E2%82%AC%20%F0%9F%98%80', "the specification's example");
  t.equal(decodeHeader('100%'), '100%', 'a bare percent sign stays');
  t.end();
});

t.test("the cloudevents package's own messages are understood", (t) => {
  const event = new CloudEvent({
    id: '1',
    source: '/s',
    type: 'a.b',
    subject: 'x',
    data: { a: [1] },
    ext: 'v',
    time: '2026-01-02T03:04:05.000Z',
  });
  for (const message of [HTTP.binary(event), HTTP.structured(event)]) {
    const headers = Object.fromEntries(
      Object.entries(message.headers).map(([key, value]) => [key.toLowerCase(), String(value)]),
    );
    const [got] = parseEvents(headers, Buffer.from(String(message.body)));
    t.match(got?.attributes, {
      id: '1',
      source: '/s',
      type: 'a.b',
      subject: 'x',
      ext: 'v',
      time: '2026-01-02T03:04:05.000Z',
    });
    t.equal(got?.data?.toString(), '{"a":[1]}');
  }
  t.end();
});

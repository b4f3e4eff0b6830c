import t from 'tap';
import fc from 'fast-check';
import { JsonLines } from '../../kube/json-lines.ts';

/** What comes out when `bytes` go in cut at `cuts`. */
function read(bytes: Buffer, cuts: readonly number[], limit = 1 << 20): unknown[] {
  const values: unknown[] = [];
  const lines = new JsonLines(limit, (value) => values.push(value));
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    lines.write(bytes.subarray(start, end));
    start = end;
  }
  lines.end();
  return values;
}

void t.test('however a stream is cut, the same values come out', async (t) => {
  const property = fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat()), fc.boolean(), (values, cuts, ended) => {
    const text = values.map((value) => JSON.stringify(value)).join('\n') + (ended && values.length > 0 ? '\n' : '');
    t.same(
      read(Buffer.from(text), cuts),
      values.map((value) => JSON.parse(JSON.stringify(value)) as unknown),
    );
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }));
});

void t.test('a line that is too long is refused before it is held', async (t) => {
  const lines = new JsonLines(10, () => undefined);
  lines.write(Buffer.from('"12345678"\n"1234'));
  t.throws(() => lines.write(Buffer.from('567890')), { code: 'TOO_LARGE' });
  t.throws(() => read(Buffer.from('{"a":1}\nnonsense\n'), []), { code: 'MALFORMED' });
});

import fc from 'fast-check';
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync, appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { crc32, crc32ByTable } from '../../../../kube/crc32.ts';
import { decodeHeader, decodeRecords, encodeFrame, FRAME_HEADER } from '../../../../eventing/broker/log/file/format.ts';
import { eventually } from '../../eventually.ts';
import { FaultyFiles } from './faulty-files.ts';
import { newFolder, openLog, readAll } from './open-log.ts';

const texts = (n: number, size = 10) => Array.from({ length: n }, (_, i) => Buffer.from(String(i).padEnd(size, '.')));
const segments = (folder: string) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.log'))
    .sort();

t.test('records come back in order, from any offset, before and after a restart', async (t) => {
  const folder = newFolder();
  const log = await openLog(folder, { segmentBytes: 4_096, tailBytes: 1_000 });
  await log.cursor('a');
  const payloads = texts(500, 100);
  const offsets: number[] = [];
  for (let i = 0; i < 500; i += 10)
    offsets.push(...(await Promise.all(payloads.slice(i, i + 10).map((payload) => log.append([payload])))));
  t.same(
    offsets,
    payloads.map((_, i) => i),
  );
  t.equal(log.end, 500);
  const expected = payloads.map((payload, offset) => ({ offset, text: payload.toString() }));
  t.same(await readAll(log), expected);
  t.ok(segments(folder).length > 5, 'over several segments');
  await log.close();
  for (const index of readdirSync(folder)
    .filter((file) => file.endsWith('.idx'))
    .slice(0, 2))
    rmSync(join(folder, index));
  const again = await openLog(folder, { segmentBytes: 4_096, tailBytes: 1_000 });
  t.equal(again.end, 500);
  t.same(await readAll(again), expected, 'with and without indexes');
  for (const from of [0, 1, 37, 250, 499]) t.same(await readAll(again, from), expected.slice(from));
  t.same(await again.read(500, { records: 10, bytes: 10 }), [], 'nothing at the end');
  t.equal((await again.read(3, { records: 10, bytes: 1 })).length, 1, 'the first record whatever its size');
  t.equal(await again.append(texts(3)), 500);
  t.equal(await again.append([]), 503);
  await again.close();
  await t.rejects(again.append(texts(1)), { code: 'LogClosed' });
});

t.test('a batch is appended whole, and a commit tells its listeners', async (t) => {
  const log = await openLog(newFolder());
  let told = 0;
  const off = log.onAppend(() => told++);
  t.equal(await log.append(texts(5)), 0);
  t.equal(log.end, 5);
  t.equal(told, 1);
  off();
  await log.append(texts(1));
  t.equal(told, 1);
  await log.close();
});

t.test('a torn tail is cut off and kept aside; what was acknowledged stays', async (t) => {
  for (const [name, cut] of [
    ['inside the header', FRAME_HEADER - 5],
    ['inside a record', FRAME_HEADER + 12],
    ['one byte short', -1],
  ] as const) {
    const folder = newFolder();
    const log = await openLog(folder);
    await log.append(texts(3));
    const whole = log.size;
    await log.append(texts(2));
    await log.close();
    const [file = ''] = segments(folder);
    truncateSync(join(folder, file), cut < 0 ? statSync(join(folder, file)).size + cut : whole + cut);
    const again = await openLog(folder);
    t.equal(again.end, 3, name);
    t.equal(again.size, whole);
    t.same((await readAll(again)).length, 3);
    t.ok(
      readdirSync(folder).some((one) => one.includes('.torn-')),
      'kept for inspection',
    );
    t.equal(await again.append(texts(1)), 3, 'and the log goes on');
    await again.close();
    const third = await openLog(folder);
    t.equal(third.end, 4);
    await third.close();
  }
});

t.test('zeros behind the last frame are a torn tail that is not worth keeping', async (t) => {
  const folder = newFolder();
  const log = await openLog(folder);
  await log.append(texts(3));
  await log.close();
  appendFileSync(join(folder, segments(folder)[0] ?? ''), Buffer.alloc(8_192));
  const again = await openLog(folder);
  t.equal(again.end, 3);
  t.notOk(readdirSync(folder).some((one) => one.includes('.torn-')));
  await again.close();
});

t.test('a corrupt middle is refused with the place, and no byte is changed', async (t) => {
  const folder = newFolder();
  const log = await openLog(folder);
  for (let i = 0; i < 5; i++) await log.append(texts(1, 50));
  const size = log.size;
  await log.close();
  const file = join(folder, segments(folder)[0] ?? '');
  const frame = size / 5;
  for (const at of [0, 10, FRAME_HEADER + 2, FRAME_HEADER + 20]) {
    const bytes = readFileSync(file);
    bytes[frame + at] = (bytes[frame + at] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
    await t.rejects(
      openLog(folder),
      { code: 'LogCorrupt', message: new RegExp(`${file}.*byte ${frame}`) },
      `byte ${at} of a frame`,
    );
    t.ok(readFileSync(file).equals(bytes), 'untouched');
    bytes[frame + at] = (bytes[frame + at] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
  }
  const mended = await openLog(folder);
  t.equal(mended.end, 5, 'once mended it opens');
  await mended.close();
});

t.test('damage in a sealed segment stops its reader with the place', async (t) => {
  const folder = newFolder();
  const log = await openLog(folder, { segmentBytes: 500, tailBytes: 1 });
  await log.cursor('a');
  for (let i = 0; i < 20; i++) await log.append(texts(1, 100));
  const file = join(folder, segments(folder)[0] ?? '');
  const bytes = readFileSync(file);
  bytes[FRAME_HEADER + 30] = 0;
  writeFileSync(file, bytes);
  await t.rejects(log.read(0, { records: 10, bytes: 10_000 }), { code: 'LogCorrupt', message: new RegExp(file) });
  t.equal((await log.read(10, { records: 1, bytes: 1 }))[0]?.offset, 10, 'other segments can be read');
  await log.close();
});

t.test('a segment goes once every cursor has passed it', async (t) => {
  const folder = newFolder();
  const log = await openLog(folder, { segmentBytes: 500 });
  const [a, b] = [await log.cursor('a'), await log.cursor('b')];
  for (let i = 0; i < 20; i++) await log.append(texts(1, 100));
  const before = segments(folder).length;
  t.ok(before > 4);
  await a.save({ next: 20, pending: [] });
  t.equal(segments(folder).length, before, 'b still needs all');
  await b.save({ next: 20, pending: [{ offset: 9, failures: 1, due: 0 }] });
  await eventually('the first segments are gone', () => log.start > 0 && log.start <= 9);
  await b.save({ next: 20, pending: [] });
  await eventually('only the last is left', () => segments(folder).length === 1);
  t.same(await readAll(log), await readAll(log, log.start), 'an older offset reads from the oldest held');
  await log.close();
});

t.test('without any cursor nothing is owed: the log stays small', async (t) => {
  const folder = newFolder();
  const log = await openLog(folder, { segmentBytes: 2_000 });
  for (let i = 0; i < 200; i++) await log.append(texts(1, 100));
  await eventually('old segments are gone', () => segments(folder).length <= 2);
  const cursor = await log.cursor('late');
  t.equal(cursor.state.next, 200, 'a new subscriber starts at the end');
  await log.close();
});

t.test('a cursor survives a restart, a torn line, and a rewrite', async (t) => {
  const folder = newFolder();
  const log = await openLog(folder);
  await log.append(texts(10));
  const cursor = await log.cursor('sub-1');
  t.same(cursor.state, { next: 10, pending: [] });
  await log.append(texts(10));
  const state = { next: 15, pending: [{ offset: 11, failures: 2, due: 1_790_000_000_000 }] };
  await cursor.save({ next: 12, pending: [] });
  await cursor.save(state);
  await log.close();
  const file = join(folder, 'cursors', 'sub-1.cursor');
  appendFileSync(file, '01234567 {"next":19,"pen');
  const again = await openLog(folder);
  t.same(again.subscribers(), ['sub-1']);
  const back = await again.cursor('sub-1');
  t.same(back.state, state, 'the last whole line counts');
  for (let i = 0; i < 3_000; i++) await back.save({ next: 15, pending: [{ offset: 11, failures: i, due: 0 }] });
  t.ok(statSync(file).size < 80_000, 'the file is rewritten');
  t.equal(back.state.pending[0]?.failures, 2_999);
  await again.removeCursor('sub-1');
  t.same(readdirSync(join(folder, 'cursors')), []);
  await again.close();
  writeFileSync(file, 'nonsense');
  const third = await openLog(folder);
  t.equal((await third.cursor('sub-1')).state.next, 0, 'an unreadable cursor repeats rather than loses');
  await third.close();
  await t.rejects(third.cursor('../x'), RangeError);
});

t.test('a full disk refuses the append, keeps what was there, and recovers', async (t) => {
  const folder = newFolder();
  const files = new FaultyFiles();
  const log = await openLog(folder, { files });
  await log.cursor('a');
  await log.append(texts(3));
  files.space = 40;
  await t.rejects(log.append(texts(1, 100)), { code: 'LogFull', status: 507 });
  t.equal(log.end, 3);
  t.equal((await readAll(log)).length, 3, 'reading goes on');
  files.failTruncate = true;
  await t.rejects(log.append(texts(1, 100)), { code: 'LogFull' });
  await t.rejects(log.append(texts(1)), { code: 'LogFailed' }, 'not before the torn bytes are cut off');
  files.failTruncate = false;
  files.space = Infinity;
  t.equal(await log.append(texts(1)), 3);
  await log.close();
  const again = await openLog(folder);
  t.equal(again.end, 4);
  await again.close();
});

t.test('an event whose sync failed is not acknowledged and not kept', async (t) => {
  const folder = newFolder();
  const files = new FaultyFiles();
  const log = await openLog(folder, { files });
  await log.append(texts(1));
  files.failSync = true;
  const results = await Promise.allSettled([log.append(texts(1)), log.append(texts(2))]);
  t.ok(results.every((result) => result.status === 'rejected'));
  files.failSync = false;
  t.equal(await log.append(texts(1)), 1);
  await log.close();
  const again = await openLog(folder);
  t.equal(again.end, 2);
  await again.close();
});

t.test('frames decode to what was encoded, and no damage passes', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 }),
      fc.nat(1_000_000),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (arrays, offset, at, flip) => {
        const payloads = arrays.map((array) => Buffer.from(array));
        const frame = encodeFrame(offset, 1_790_000_000_000, payloads);
        const header = decodeHeader(frame, 0);
        const records = header && decodeRecords(header, frame.subarray(FRAME_HEADER));
        if (records?.length !== payloads.length) return false;
        if (
          !records.every(
            (record, i) => record.offset === offset + i && record.payload.equals(payloads[i] ?? Buffer.alloc(0)),
          )
        )
          return false;
        const damaged = Buffer.from(frame);
        const place = at % frame.length;
        damaged[place] = (damaged[place] ?? 0) ^ flip;
        const damagedHeader = decodeHeader(damaged, 0);
        return (
          damagedHeader === undefined || decodeRecords(damagedHeader, damaged.subarray(FRAME_HEADER)) === undefined
        );
      },
    ),
  );
  t.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
  t.equal(crc32ByTable(Buffer.from('123456789')), 0xcbf43926);
  t.end();
});

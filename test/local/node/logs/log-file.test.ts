import fc from 'fast-check';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { LogFile } from '../../../../local/node/logs/log-file.ts';
import { readLog, tailText } from '../../../../local/node/logs/log-reader.ts';

const folder = mkdtempSync(join(tmpdir(), 'zeroth-logs-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
let number = 0;
let now = Date.parse('2026-01-01T00:00:00Z');
const open = (limit?: number): LogFile => new LogFile(join(folder, `${String(number++)}.log`), () => now, limit);
const none = new AbortController().signal;
const read = (log: LogFile, options: object = {}): Promise<string> =>
  text(readLog(log.path, undefined, { now, ...options }, none));

void t.test('what a program writes comes back byte for byte, however it was cut into chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.string(), fc.constant('\n'), fc.constant('x'.repeat(20_000))), { maxLength: 12 }),
      async (chunks) => {
        const log = open();
        for (const chunk of chunks) log.write('stdout', Buffer.from(chunk));
        log.end();
        const whole = chunks.join('');
        const expected = whole === '' || whole.endsWith('\n') ? whole : whole + '\n';
        if ((await read(log)) !== expected) throw new Error('not the same');
      },
    ),
    { numRuns: 60 },
  );
});

void t.test('tail, limit, since, time stamps', async (t) => {
  const log = open();
  for (let line = 1; line <= 2000; line++) {
    if (line === 1001) now += 60_000;
    log.write(line % 2 === 0 ? 'stderr' : 'stdout', Buffer.from(`line ${String(line)} ${'.'.repeat(100)}\n`));
  }
  const dots = '.'.repeat(100);
  t.equal(await read(log, { tailLines: 2 }), `line 1999 ${dots}\nline 2000 ${dots}\n`);
  t.equal((await read(log, { tailLines: 1500 })).split('\n').length, 1501);
  t.equal((await read(log, { tailLines: 5000 })).split('\n').length, 2001);
  t.equal(await read(log, { tailLines: 0 }), '');
  t.equal(await read(log, { limitBytes: 6 }), 'line 1');
  t.match(await read(log, { sinceSeconds: 30 }), /^line 1001 /);
  t.match(await read(log, { sinceTime: '2026-01-01T00:00:30Z' }), /^line 1001 /);
  t.match(await read(log, { tailLines: 1, timestamps: true }), /^2026-01-01T00:01:00\.000Z line 2000/);
  t.equal(tailText(log.path, 2, 10), '.........\n');
  t.equal(tailText(join(folder, 'none'), 2, 10), '');
});

void t.test('a log stays within its bound and keeps the newest', async (t) => {
  const log = open(10_000);
  for (let line = 0; line < 1000; line++) log.write('stdout', Buffer.from(`line ${String(line)}\n`));
  t.ok(statSync(log.path).size <= 10_000);
  t.ok(statSync(`${log.path}.1`).size <= 10_000);
  const lines = (await read(log)).trim().split('\n');
  t.equal(lines.at(-1), 'line 999');
  t.ok(lines.length > 100);
  t.equal((await read(log, { tailLines: 300 })).trim().split('\n').length, 300);
});

void t.test('following goes on through rotation and ends with the log', async (t) => {
  const log = open(2_000);
  log.write('stdout', Buffer.from('first\n'));
  const stream = readLog(log.path, log, { now, follow: true }, none);
  const all = text(stream);
  for (let line = 0; line < 200; line++) {
    log.write('stdout', Buffer.from(`line ${String(line)}\n`));
    await new Promise((resolve) => setImmediate(resolve));
  }
  log.write('stdout', Buffer.from('last, without a newline'));
  log.end();
  const lines = (await all).trim().split('\n');
  t.equal(lines[0], 'first');
  t.equal(lines.at(-1), 'last, without a newline');
  t.equal(lines.length, 202);
});

void t.test('a follower that goes away is let go', async (t) => {
  const log = open();
  const gone = new AbortController();
  const all = text(readLog(log.path, log, { now, follow: true }, gone.signal));
  setImmediate(() => gone.abort());
  t.equal(await all, '');
  t.equal(log.listenerCount('change'), 0);
});

void t.test('a disk that takes nothing more costs log lines, and is said once', async (t) => {
  const log = open();
  const failures: Error[] = [];
  log.on('failed', (error) => failures.push(error));
  log.end();
  const full = new LogFile('/dev/full', () => now);
  full.on('failed', (error) => failures.push(error));
  full.write('stdout', Buffer.from('a\n'));
  full.write('stdout', Buffer.from('b\n'));
  full.end();
  t.match(
    failures.map((error) => error.message),
    [/ENOSPC/],
  );
});

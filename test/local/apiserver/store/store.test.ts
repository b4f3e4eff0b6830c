/** What the store promises to whoever reads, writes and watches, and to whoever finds a damaged folder. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import type { KubeObject } from '../../../../api/object.ts';
import { ApiError } from '../../../../kube/errors.ts';
import { silentLogger } from '../../../../kube/log.ts';
import { StoreError } from '../../../../local/apiserver/errors.ts';
import { Collection } from '../../../../local/apiserver/store/collection.ts';
import { crc32 } from '../../../../kube/crc32.ts';
import { encodeFrame, readFrames } from '../../../../local/apiserver/store/frame.ts';
import { History, type Change } from '../../../../local/apiserver/store/history.ts';
import { Store } from '../../../../local/apiserver/store/store.ts';
import { temporaryFolder } from '../support.ts';

const RESOURCE = '/configmaps';
const noProc = existsSync('/proc/self/stat') ? false : 'no /proc here';

if (process.argv[2] === 'fill') await fillDisk(process.argv[3] ?? '');
else run();

function object(name: string, text = ''): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { text },
  } as KubeObject;
}

function run(): void {
  t.test('frames read back as written, on any content', async (t) => {
    const dir = await temporaryFolder(t);
    const path = join(dir, 'frames');
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.array(
            fc.jsonValue().map((value) => JSON.stringify(value)),
            { minLength: 1, maxLength: 5 },
          ),
        ),
        async (batches) => {
          await writeFile(path, Buffer.concat(batches.map((lines) => encodeFrame(lines))));
          const read: string[][] = [];
          const extent = readFrames(path, (lines) => read.push(lines));
          t.strictSame(read, batches);
          t.equal(extent.good, extent.size);
        },
      ),
      { numRuns: 50 },
    );
    t.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
  });

  t.test('a listing is in the order of keys however they came and went', (t) => {
    const key = fc.stringMatching(/^[a-c]\/[a-d]{1,3}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), key)), key, (steps, after) => {
        const collection = new Collection();
        const model = new Map<string, KubeObject>();
        for (const [add, name] of steps) {
          if (add) {
            collection.set(name, object(name));
            model.set(name, object(name));
          } else {
            collection.delete(name);
            model.delete(name);
          }
        }
        const expected = [...model.keys()].sort();
        t.strictSame(
          [...collection.entries()].map(([name]) => name),
          expected,
        );
        t.strictSame(
          [...collection.entries('b/', after)].map(([name]) => name),
          expected.filter((name) => name.startsWith('b/') && name > after),
        );
        t.equal(
          collection.countAfter('b/', after),
          expected.filter((name) => name.startsWith('b/') && name > after).length,
        );
      }),
    );
    t.end();
  });

  t.test('history forgets the oldest first and says so', (t) => {
    const history = new History(5);
    const change = (version: number) => ({ version }) as Change;
    for (let version = 6; version <= 20; version++) history.push(change(version), 128 * 1024);
    t.equal(history.floor, 12, 'one MiB is kept');
    t.equal(history.since(11), undefined);
    t.strictSame(
      history.since(12)?.map((one) => one.version),
      [13, 14, 15, 16, 17, 18, 19, 20],
    );
    t.strictSame(history.since(20), []);
    t.end();
  });

  t.test('watchers see a change before its writer does, in order of version', async (t) => {
    const store = await Store.open({ dir: await temporaryFolder(t), log: silentLogger });
    t.teardown(() => store.close());
    const seen: string[] = [];
    store.subscribe(RESOURCE, ({ type, object: { metadata } }) => {
      seen.push(`${type} ${metadata.name} ${metadata.resourceVersion ?? ''}`);
    });
    const writes = ['a', 'b', 'c'].map(async (name) => {
      const stored = await store.put(RESOURCE, `default/${name}`, object(name));
      t.ok(seen.includes(`ADDED ${name} ${stored.metadata.resourceVersion ?? ''}`));
    });
    t.equal(store.get(RESOURCE, 'default/a'), undefined, 'readers see nothing that is not durable');
    t.equal(store.peek(RESOURCE, 'default/a')?.metadata.name, 'a', 'writers do');
    await Promise.all(writes);
    await store.remove(RESOURCE, 'default/b');
    t.strictSame(seen, ['ADDED a 1', 'ADDED b 2', 'ADDED c 3', 'DELETED b 4']);
  });

  t.test('many writers share a sync', async (t) => {
    const batches: number[] = [];
    const dir = await temporaryFolder(t);
    const store = await Store.open({ dir, log: silentLogger, onBatch: (changes) => batches.push(changes) });
    t.teardown(() => store.close());
    await Promise.all(Array.from({ length: 500 }, (_, i) => store.put(RESOURCE, `default/${i}`, object(`${i}`))));
    t.ok(batches.length <= 3, `500 writes took ${batches.length} syncs`);
    t.equal(
      batches.reduce((sum, one) => sum + one, 0),
      500,
    );
  });

  t.test('the past can be listed while it is remembered', async (t) => {
    const store = await Store.open({ dir: await temporaryFolder(t), log: silentLogger });
    t.teardown(() => store.close());
    for (const name of ['a', 'b', 'c']) await store.put(RESOURCE, `default/${name}`, object(name, 'old'));
    await store.put(RESOURCE, 'default/a', object('a', 'new'));
    await store.remove(RESOURCE, 'default/b');
    await store.put(RESOURCE, 'default/aa', object('aa'));
    const at = (version: number) =>
      [...(store.entriesAt(RESOURCE, version) ?? [])].map(
        ([key, one]) => `${key}@${one.metadata.resourceVersion ?? ''}`,
      );
    t.strictSame(at(3), ['default/a@1', 'default/b@2', 'default/c@3']);
    t.strictSame(at(4), ['default/a@4', 'default/b@2', 'default/c@3']);
    t.strictSame(at(6), ['default/a@4', 'default/aa@6', 'default/c@3']);
  });

  t.test('snapshots replace the log, and a restart reads both', async (t) => {
    const dir = await temporaryFolder(t);
    const store = await Store.open({ dir, log: silentLogger, compactAbove: 20_000 });
    for (let i = 0; i < 300; i++) await store.put(RESOURCE, `default/${i % 40}`, object(`${i % 40}`, `text ${i}`));
    await store.close();
    const files = (await readdir(dir)).filter((name) => name.endsWith('.zas'));
    t.equal(files.filter((name) => name.startsWith('snapshot-')).length, 1, files.join(' '));
    const again = await Store.open({ dir, log: silentLogger });
    t.equal(again.version, 300);
    t.equal(again.count(RESOURCE), 40);
    t.match(again.get(RESOURCE, 'default/39'), { data: { text: 'text 279' } });
    t.equal(again.changesSince(RESOURCE, 1), undefined, 'what the snapshot swallowed is forgotten');
    await again.close();
  });

  t.test('one process at a time, and the next one after it', async (t) => {
    const dir = await temporaryFolder(t);
    const store = await Store.open({ dir, log: silentLogger });
    await t.rejects(Store.open({ dir, log: silentLogger }), { code: 'locked', message: /is in use by process \d+/ });
    await store.close();
    await writeFile(join(dir, 'lock'), JSON.stringify({ pid: 1, started: 'long ago' }));
    const next = await Store.open({ dir, log: silentLogger });
    await next.close();
  });

  t.test('a killed process that nobody has waited for does not hold it', { skip: noProc }, async (t) => {
    const dir = await temporaryFolder(t);
    // A program that does not wait for a child it inherited, as many a container's process 1.
    const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.teardown(() => parent.kill('SIGKILL'));
    const [text] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(text.toString());
    const stat = async (): Promise<string[]> => {
      const line = await readFile(`/proc/${pid}/stat`, 'utf8');
      return line.slice(line.lastIndexOf(')') + 2).split(' ');
    };
    const started = (await stat())[19] ?? '';
    for (const deadline = Date.now() + 5_000; (await stat())[0] !== 'Z' && Date.now() < deadline;)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await writeFile(join(dir, 'lock'), JSON.stringify({ pid, started }));
    const store = await Store.open({ dir, log: silentLogger });
    await store.close();
  });

  t.test('damage in the middle is refused with one message, and nothing is touched', async (t) => {
    const dir = await temporaryFolder(t);
    const store = await Store.open({ dir, log: silentLogger });
    for (let i = 0; i < 20; i++) await store.put(RESOURCE, `default/${i}`, object(`${i}`, 'x'.repeat(100)));
    await store.close();
    const path = join(dir, 'log-0000000000000000.zas');
    const sound = await readFile(path);
    const cases: [string, (bytes: Buffer) => void][] = [
      ['a flipped bit of a record', (bytes) => bytes.writeUInt8(bytes.readUInt8(900) ^ 4, 900)],
      ['a length that points beyond the end', (bytes) => bytes.writeUInt32BE(0x00ffffff, nthFrame(bytes, 5) + 4)],
      ['a block of zeros', (bytes) => bytes.fill(0, 700, 1500)],
    ];
    for (const [name, damage] of cases) {
      const bytes = Buffer.from(sound);
      damage(bytes);
      await writeFile(path, bytes);
      await t.rejects(
        Store.open({ dir, log: silentLogger }),
        { code: 'corrupt', message: /is damaged: byte \d+ .*Nothing was changed/ },
        name,
      );
      t.ok((await readFile(path)).equals(bytes), 'the file is as it was');
    }
    await writeFile(path, sound);
    const again = await Store.open({ dir, log: silentLogger });
    t.equal(again.count(RESOURCE), 20);
    await again.close();
  });

  t.test('a snapshot that is damaged, or a log that is missing, is refused', async (t) => {
    const dir = await temporaryFolder(t);
    const store = await Store.open({ dir, log: silentLogger, compactAbove: 4_000 });
    for (let i = 0; i < 100; i++) await store.put(RESOURCE, `default/${i}`, object(`${i}`));
    await store.close();
    const names = (await readdir(dir)).filter((name) => name.endsWith('.zas'));
    const snapshot = join(dir, names.find((name) => name.startsWith('snapshot-')) ?? '');
    const log = join(dir, names.filter((name) => name.startsWith('log-')).at(-1) ?? '');
    await copyFile(snapshot, `${snapshot}.copy`);
    const bytes = await readFile(snapshot);
    await writeFile(snapshot, bytes.subarray(0, bytes.length - 5));
    await t.rejects(Store.open({ dir, log: silentLogger }), StoreError);
    await copyFile(`${snapshot}.copy`, snapshot);
    await copyFile(log, `${log}.copy`);
    await rm(log);
    await t.rejects(Store.open({ dir, log: silentLogger }), { code: 'corrupt' });
    await copyFile(`${log}.copy`, log);
    const again = await Store.open({ dir, log: silentLogger });
    t.equal(again.count(RESOURCE), 100);
    await again.close();
  });

  t.test('a full disk refuses the write, and reading goes on', async (t) => {
    const dir = await temporaryFolder(t);
    const mount = join(dir, 'small');
    await mkdir(mount);
    const script = `mount -t tmpfs -o size=256k none "$1" && exec "$2" "$3" fill "$1"`;
    const shell = ['-rm', 'sh', '-c', script, 'sh', mount, process.execPath, fileURLToPath(import.meta.url)];
    const { status, stdout, stderr } = spawnSync('unshare', shell, {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    if (status !== 0 && /unshare|mount/.test(stderr)) {
      t.pass('', { skip: `no file system of its own here: ${stderr.trim()}` });
      return;
    }
    t.equal(status, 0, stderr);
    t.match(stdout, /refused 507 .*disk full/);
    t.match(stdout, /read back \d+/);
    t.match(stdout, /after room was made: stored/);
    t.match(stdout, /reopened with all/);
  });
}

function nthFrame(bytes: Buffer, n: number): number {
  let at = 0;
  for (let i = 0; i < n; i++) at += 12 + bytes.readUInt32BE(at + 4);
  return at;
}

async function fillDisk(dir: string): Promise<void> {
  const ballast = join(dir, 'ballast');
  await writeFile(ballast, 'x'.repeat(64 * 1024));
  const storeDir = join(dir, 'store');
  const store = await Store.open({ dir: storeDir, log: silentLogger });
  const stored: string[] = [];
  for (let i = 0; i < 1000; i++) {
    const name = `n${i}`;
    try {
      await store.put(RESOURCE, `default/${name}`, object(name, 'y'.repeat(4000)));
      stored.push(name);
    } catch (error) {
      if (error instanceof ApiError) console.log(`refused ${error.code} ${error.message}`);
      break;
    }
  }
  const found = stored.filter((name) => store.get(RESOURCE, `default/${name}`) !== undefined);
  if (found.length === stored.length) console.log(`read back ${found.length}`);
  await rm(ballast);
  await store.put(RESOURCE, 'default/late', object('late'));
  console.log('after room was made: stored');
  await store.close();
  const again = await Store.open({ dir: storeDir, log: silentLogger });
  if (again.count(RESOURCE) === stored.length + 1) console.log('reopened with all');
  await again.close();
}

/** A process killed under load loses no write it acknowledged, and its versions go on growing. */
import { spawn } from 'node:child_process';
import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { KubeObject } from '../../../../api/object.ts';
import { silentLogger } from '../../../../kube/log.ts';
import { Store } from '../../../../local/apiserver/store/store.ts';
import { temporaryFolder } from '../support.ts';

const RESOURCE = '/configmaps';
const ROUNDS = 5;
const ACKNOWLEDGED_BEFORE_KILL = 400;

if (process.argv[2] === 'writer') await write(process.argv[3] ?? '', process.argv[4] ?? '');
else run();

/** Writes as fast as it can, in parallel, and says what was acknowledged. */
async function write(dir: string, round: string): Promise<void> {
  const store = await Store.open({ dir, log: silentLogger, compactAbove: 64 * 1024 });
  const writer = async (lane: number): Promise<void> => {
    for (let i = 0; ; i++) {
      const name = `r${round}-${lane}-${i}`;
      const { metadata } = await store.put(RESOURCE, `default/${name}`, object(name));
      process.stdout.write(`put ${name} ${metadata.resourceVersion ?? ''}\n`);
      if (i % 5 !== 4) continue;
      const old = `r${round}-${lane}-${i - 2}`;
      await store.remove(RESOURCE, `default/${old}`);
      process.stdout.write(`del ${old}\n`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, lane) => writer(lane)));
}

function object(name: string): KubeObject {
  const data = { text: 'x'.repeat(200) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data } as KubeObject;
}

function run(): void {
  t.test('SIGKILL at any moment loses no acknowledged write', async (t) => {
    const dir = await temporaryFolder(t);
    const kept = new Map<string, number>();
    const deleted = new Set<string>();
    let highest = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await writeUntilKilled(dir, round, (line) => {
        const [what, name = '', version] = line.split(' ');
        if (what === 'put') {
          kept.set(name, Number(version));
          highest = Math.max(highest, Number(version));
        } else {
          kept.delete(name);
          deleted.add(name);
        }
      });
      const store = await Store.open({ dir, log: silentLogger });
      t.ok(store.version >= highest, 'versions do not fall back');
      highest = store.version;
      for (const [name, version] of kept) {
        const found = store.get(RESOURCE, `default/${name}`);
        if (found === undefined && isDoomed(name)) continue;
        if (Number(found?.metadata.resourceVersion) !== version) t.fail(`${name} of version ${version} is lost`);
      }
      for (const name of deleted)
        if (store.get(RESOURCE, `default/${name}`) !== undefined) t.fail(`${name} has come back`);
      await store.close();
    }
    t.ok(kept.size > ROUNDS * 100, `${kept.size} acknowledged objects are there`);
    t.ok(
      (await readdir(dir)).some((name) => name.startsWith('snapshot-')),
      'snapshots were made meanwhile',
    );
  });

  t.test('an end that was torn off is repaired, and its bytes are kept aside', async (t) => {
    const dir = await temporaryFolder(t);
    const store = await Store.open({ dir, log: silentLogger });
    await store.put(RESOURCE, 'default/a', object('a'));
    await store.put(RESOURCE, 'default/b', object('b'));
    await store.close();
    const log = join(dir, 'log-0000000000000000.zas');
    await appendFile(log, Buffer.from('ZAF1\0\0\0\x50garbage of a write that was cut off'));
    const again = await Store.open({ dir, log: silentLogger });
    t.equal(again.count(RESOURCE), 2);
    t.equal(again.version, 2);
    await again.put(RESOURCE, 'default/c', object('c'));
    await again.close();
    t.ok((await readdir(dir)).includes('log-0000000000000000.zas.torn'));
    const last = await Store.open({ dir, log: silentLogger });
    t.equal(last.count(RESOURCE), 3);
    await last.close();
  });

  t.test('a log cut at any byte opens with a prefix of what was written', async (t) => {
    const source = await temporaryFolder(t);
    const store = await Store.open({ dir: source, log: silentLogger });
    for (const name of ['a', 'b', 'c', 'd']) await store.put(RESOURCE, `default/${name}`, object(name));
    await store.close();
    const path = join(source, 'log-0000000000000000.zas');
    const whole = await readFile(path);
    for (let length = whole.length; length >= 0; length -= 37) {
      await writeFile(path, whole);
      await truncate(path, length);
      const opened = await Store.open({ dir: source, log: silentLogger });
      const names = [...opened.entries(RESOURCE)].map(([key]) => key).join();
      t.ok('default/a,default/b,default/c,default/d'.startsWith(names), `${length}: ${names}`);
      await opened.close();
    }
  });
}

/** The writer may have deleted it without living to say so. */
function isDoomed(name: string): boolean {
  return Number(name.split('-')[2]) % 5 === 2;
}

async function writeUntilKilled(dir: string, round: number, onLine: (line: string) => void): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'writer', dir, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let lines = 0;
  // A different moment each round.
  const most = ACKNOWLEDGED_BEFORE_KILL + round * 137;
  for await (const line of createInterface({ input: child.stdout })) {
    onLine(line);
    if (++lines === most) child.kill('SIGKILL');
  }
  await ended;
}

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { writeAtomically } from '../../../../local/node/volume/atomic-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'zeroth-volume-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));

const set = (files: Record<string, string>) =>
  new Map(Object.entries(files).map(([path, content]) => [path, { bytes: Buffer.from(content), mode: 0o640 }]));

void t.test('a set of files replaces another at once, and what is gone is gone', async (t) => {
  const folder = join(root, 'one');
  writeAtomically(folder, set({ a: '1', 'deep/b': '2' }), 'v1');
  t.equal(readFileSync(join(folder, 'a'), 'utf8'), '1');
  t.equal(readFileSync(join(folder, 'deep/b'), 'utf8'), '2');
  t.equal(statSync(join(folder, 'a')).mode & 0o777, 0o640);
  const inode = statSync(join(folder, 'a')).ino;
  writeAtomically(folder, set({ a: 'ignored: the version is the same' }), 'v1');
  t.equal(statSync(join(folder, 'a')).ino, inode);
  writeAtomically(folder, set({ a: '3', c: '4' }), 'v2');
  t.same(readdirSync(folder).sort(), ['..data', '..v2', 'a', 'c']);
  t.equal(readFileSync(join(folder, 'a'), 'utf8'), '3');
  writeAtomically(folder, set({}), 'v3');
  t.same(readdirSync(folder).sort(), ['..data', '..v3']);
});

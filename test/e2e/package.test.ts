// What `npm install zeroth` gives: it runs without dev dependencies, and stays small.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { cleanEnv, eventually, runProgram } from './instance.ts';

const LARGEST = 60 * 1024 * 1024;

t.test('the packed program runs from an empty folder', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroth-pack-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const packed = await runProgram(
    'npm',
    ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder],
    '',
    cleanEnv(),
  );
  t.equal(packed.code, 0, packed.stderr);
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  const home = join(folder, 'app');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{"private":true}');
  const installed = await runProgram(
    'npm',
    ['install', '--prefix', home, '--omit=dev', '--no-audit', '--no-fund', join(folder, tarball)],
    '',
    cleanEnv(),
  );
  t.equal(installed.code, 0, installed.stderr);
  const size = sizeOf(join(home, 'node_modules'));
  t.ok(size <= LARGEST, `installed size ${(size / 2 ** 20).toFixed(1)} MiB`);

  const child = spawn('npx', ['zeroth', 'up', '--demo', '--http-port', '0', '--api-port', '0'], {
    cwd: home,
    env: cleanEnv(),
    detached: true,
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const ready = join(home, '.zeroth', 'ready.json');
  await eventually('ready', () => {
    if (child.exitCode !== null) throw new Error(output);
    return existsSync(ready);
  });
  const { http, pid } = JSON.parse(readFileSync(ready, 'utf8')) as { http: string; pid: number };
  const { port } = new URL(http);
  const answer = await new Promise<string>((resolve, reject) => {
    get({ host: '127.0.0.1', port, headers: { Host: `hello.default.localhost:${port}` } }, (response) => {
      text(response).then(resolve, reject);
    }).on('error', reject);
  });
  t.equal(answer, 'Hello World!\n');
  process.kill(pid, 'SIGTERM');
  await new Promise((resolve) => child.once('exit', resolve));
});

function sizeOf(path: string): number {
  const info = statSync(path);
  if (!info.isDirectory()) return info.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

// Bundles the named tests (all of test/ by default) into build/test and runs them under node-tap.
// Ends with `N passed, N failed, N skipped`, counted over test files' assertions as tap reports them.
// usage: node scripts/test.mjs [--jobs N] [FILE ...]   FILE: test/x.test.ts, or a folder of tests
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const args = process.argv.slice(2);
const jobsAt = args.indexOf('--jobs');
const jobs = jobsAt < 0 ? '2' : args.splice(jobsAt, 2)[1];
const files = [];
for (const name of args.length > 0 ? args : ['test']) files.push(...(await testsIn(name)));
if (files.length === 0) {
  console.error(`no test file in ${args.join(' ') || 'test'}`);
  process.exit(2);
}

// Tests of whole instances run the program in dist/.
if (files.some((file) => file.startsWith(join('test', 'e2e')))) ensureBuilt();

// A folder of its own for each run, so that two runs do not take each other's files away.
const out = join('build', 'test', String(process.pid));
await build({
  entryPoints: files,
  outbase: '.',
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'warning',
});

const built = files.map((file) => join(out, file.replace(/\.ts$/, '.mjs')));
const tap = spawn(
  process.execPath,
  [
    'node_modules/.bin/tap',
    'run',
    '--disable-coverage',
    '--allow-incomplete-coverage',
    '--reporter=tap',
    '--no-color',
    `--jobs=${jobs}`,
    '--timeout=600',
    ...built,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '--enable-source-maps' } },
);
let passed = 0;
let failed = 0;
let skipped = 0;
let rest = '';
tap.stdout.setEncoding('utf8');
tap.stdout.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  for (const line of lines) count(line);
});

// Counts test blocks (`t.test`) at the second level: a file is the first.
function count(line) {
  const point = /^ {4}(not )?ok \d+(.*)$/.exec(line);
  const file = /^(not )?ok \d+ - (.*?)( # .*)?$/.exec(line);
  if (point !== null) {
    if (/# (SKIP|TODO)/i.test(point[2])) skipped++;
    else if (point[1] === undefined) passed++;
    else failed++;
  }
  if (file !== null) console.log(line.replace(`${out}/`, ''));
  else if (point !== null && (point[1] !== undefined || /# SKIP/i.test(line))) console.log(line);
  else if (/^ +(not ok|---|\.\.\.|\w+:|[-+@]|- )/.test(line) || process.env.VERBOSE) console.log(line);
}

tap.on('close', async (code) => {
  await rm(out, { recursive: true, force: true });
  if (code !== 0 && failed === 0) failed++;
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exit(code === 0 && failed === 0 ? 0 : 1);
});

async function testsIn(name) {
  if ((await stat(name)).isFile()) return [relative('.', name)];
  return readdirSync(name, { recursive: true })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join(name, file))
    .sort();
}

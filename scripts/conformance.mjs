// Runs Knative Serving's own tests against an instance of ours and says of each whether it passed, and why not.
// usage: npm run conformance [-- --suite api|runtime|e2e|all|FOLDER] [--source DIR] [--run REGEX] [--jobs N] [--verbose] [--write]
//   --source   a checkout of knative/serving; else KNATIVE_SERVING_SOURCE, else the Go module (KNATIVE_SERVING_VERSION)
//   --verbose  the output of each test that did not pass
//   --write    puts the table into docs/conformance.md
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { spawnSync } from 'node:child_process';
import { ensureBuilt } from './ensure-built.mjs';
import { buildImages, buildTest } from './conformance/programs.mjs';
import { Instance, namespacesOf } from './conformance/instance.mjs';
import { count, document, line } from './conformance/report.mjs';
import { listTests, runTest } from './conformance/run.mjs';
import { findSource } from './conformance/source.mjs';
import { SUITES } from './conformance/suites.mjs';

const VERSION = process.env.KNATIVE_SERVING_VERSION ?? 'latest';
const RESOURCES = [
  'cluster-resources.yaml',
  'test-resources.yaml',
  'pvc/pvc.yaml',
  'resource-quota/resource-quota.yaml',
];

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'api' },
    source: { type: 'string' },
    run: { type: 'string' },
    jobs: { type: 'string', default: '3' },
    verbose: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const all = Object.values(SUITES).flat();
const named = values.suite === 'all' ? all : (SUITES[values.suite] ?? all.filter(({ name }) => name === values.suite));
const jobs = Number(values.jobs);
if (named.length === 0 || !Number.isInteger(jobs) || jobs < 1) {
  console.error(
    `--suite is one of ${[...Object.keys(SUITES), 'all', ...all.map(({ name }) => name)].join(', ')}; --jobs a number`,
  );
  process.exit(2);
}

const source = findSource(values.source ?? process.env.KNATIVE_SERVING_SOURCE, VERSION);
const missing = 'missing' in source ? source.missing : lackOf('kubectl', ['version', '--client']);
if (missing !== undefined) {
  console.log(`skipped: ${missing}`);
  process.exit(0);
}

ensureBuilt();
console.log(`building the tests of knative/serving, ${source.version}…`);
const images = await buildImages(source);
const programs = new Map();
for (const { name } of named) programs.set(name, await buildTest(source, name));
const resources = RESOURCES.map((name) => readFileSync(join(source.folder, 'test', 'config', name), 'utf8'));
const instance = await Instance.start(images, resources, jobs);
instance.folder = join(source.folder, 'test');
const results = [];
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => void instance.stop().finally(() => process.exit(1)));
try {
  for (const group of named) results.push(await runGroup(group));
} finally {
  await instance.stop();
}

const totals = count(results);
console.log(`${totals.pass} passed, ${totals.fail} failed, ${totals.skip} skipped`);
// What was not run this time keeps what its last run has said.
const latest = join(source.cache, 'results');
mkdirSync(latest, { recursive: true });
const resultsOf = (name) => join(latest, `${name.replaceAll('/', '-')}.json`);
for (const one of results) writeFileSync(resultsOf(one.group), JSON.stringify(renewed(kept(one))));
if (values.write) {
  const known = all.flatMap(({ name }) =>
    existsSync(resultsOf(name)) ? JSON.parse(readFileSync(resultsOf(name), 'utf8')) : [],
  );
  const date = new Date().toISOString().slice(0, 10);
  const path = join(root, 'docs', 'conformance.md');
  writeFileSync(path, document(known, { version: source.version, date }));
  spawnSync(process.execPath, ['node_modules/.bin/prettier', '--write', path], { stdio: 'ignore' });
}
process.exitCode = totals.fail === 0 ? 0 : 1;

/** Of some tests of a folder, only their rows are new. */
function renewed({ group, verdicts }) {
  const file = resultsOf(group);
  if (values.run === undefined || !existsSync(file)) return { group, verdicts };
  const fresh = new Map(verdicts.map((one) => [one.test, one]));
  const before = [JSON.parse(readFileSync(file, 'utf8'))].flat().flatMap((one) => one.verdicts);
  const rows = before.map((one) => fresh.get(one.test) ?? one);
  return { group, verdicts: [...rows, ...verdicts.filter(({ test }) => !before.some((one) => one.test === test))] };
}

function kept({ group, verdicts }) {
  return { group, verdicts: verdicts.map(({ test, result, seconds, why }) => ({ test, result, seconds, why })) };
}

async function runGroup(group) {
  const program = programs.get(group.name);
  const pattern = new RegExp(values.run ?? '');
  const tests = listTests(program).filter((test) => pattern.test(test));
  console.log(`\n${group.name}`);
  const before = await instance.configure(group.config ?? {});
  const verdicts = new Map();
  const open = [...tests];
  await Promise.all(
    Array.from({ length: jobs }, async (_, job) => {
      for (let test = open.shift(); test !== undefined; test = open.shift()) {
        verdicts.set(test, await verdictsOf(test, group, program, job));
      }
    }),
  );
  await instance.configure(before);
  return { group: group.name, verdicts: tests.flatMap((test) => verdicts.get(test)) };
}

async function verdictsOf(test, group, program, job) {
  const why = group.cannot?.[test];
  if (why !== undefined) return [{ test, result: 'skip', seconds: 0, why, output: [] }];
  const found = await runTest(program, test, group, instance, job);
  for (const verdict of found) {
    console.log(line(verdict));
    if (values.verbose && verdict.result !== 'pass') console.log(verdict.output.join(''));
  }
  if (found.some(({ result }) => result === 'fail'))
    await instance
      .clear(namespacesOf(job))
      .catch((error) => console.error(`what ${test} left is still there: ${error}`));
  return found;
}

function lackOf(program, args) {
  return spawnSync(program, args).error === undefined ? undefined : `${program} is not on the PATH`;
}

// Runs one test of a test program in a process of its own and reads its verdicts from `go tool test2json`.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { namespacesOf, REPOSITORY, SYSTEM_NAMESPACE } from './instance.mjs';

const USUAL_SECONDS = 150;
/** For its own words about running out of time. */
const AFTERWARDS_MS = 10_000;
const LONGEST_WHY = 220;
/** Of a test's output this much is kept to look for the reason in. */
const KEPT_LINES = 400;

/** @typedef {{ test: string, result: 'pass' | 'fail' | 'skip', seconds: number, why: string, output: string[] }} Verdict */

/** @returns {string[]} names of a test program's tests */
export function listTests(program) {
  const { stdout, status } = spawnSync(program, ['-test.list', '.'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} cannot list its tests`);
  return stdout.split('\n').filter((line) => line.startsWith('Test'));
}

/** @returns {Promise<Verdict[]>} one for the test and one for each of its parts */
export async function runTest(program, test, group, instance, job) {
  const seconds = group.seconds?.[test] ?? USUAL_SECONDS;
  const names = namespacesOf(job);
  const args = [
    ...['-test.run', `^${test}$`, '-test.v=test2json', '-test.timeout', `${seconds}s`, '-test.parallel', '2'],
    ...['-kubeconfig', instance.kubeconfig, '-ingressendpoint', '127.0.0.1', '-dockerrepo', REPOSITORY],
    ...['-test-namespace', names.main, '-alt-test-namespace', names.alternative, '-tls-test-namespace', names.tls],
    ...['-enable-alpha', '-enable-beta', '-disable-logstream', '-spoofinterval', '200ms', '-spooftimeout', '60s'],
    ...(group.flags ?? []),
  ];
  const child = spawn('go', ['tool', 'test2json', '-t', program, ...args], {
    cwd: instance.folder,
    env: { ...process.env, KUBECONFIG: instance.kubeconfig, SYSTEM_NAMESPACE },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const late = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), seconds * 1000 + AFTERWARDS_MS);
  const verdicts = new Map();
  const outputs = new Map();
  let cutOff = false;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = parse(line);
    if (event?.Test === undefined) continue;
    if (event.Action === 'run') verdicts.set(event.Test, {});
    // What follows is where each of its threads stood.
    cutOff ||= event.Output?.startsWith('panic: test timed out') === true;
    if (event.Action === 'output' && !cutOff) keep(outputs, event.Test, event.Output);
    if (['pass', 'fail', 'skip'].includes(event.Action))
      Object.assign(verdicts.get(event.Test) ?? {}, { result: event.Action, seconds: event.Elapsed ?? 0 });
  }
  clearTimeout(late);
  if (verdicts.size === 0) verdicts.set(test, {});
  return [...verdicts].map(([name, { result, seconds: took = seconds }]) => {
    const output = outputs.get(name) ?? [];
    const late = result === undefined || (result === 'fail' && took >= seconds - 1);
    const why = result === 'pass' ? '' : `${late ? `not over in ${seconds} s; last: ` : ''}${lastWords(output, late)}`;
    return { test: name, result: result ?? 'fail', seconds: took, why, output };
  });
}

function keep(outputs, test, text) {
  const lines = outputs.get(test) ?? [];
  outputs.set(test, lines);
  lines.push(text);
  if (lines.length > KEPT_LINES) lines.shift();
}

/** The last line that a test file itself has written, or any file of the suite when none did. */
function lastWords(output, any) {
  const said = output.flatMap((line) => /^\s*(\w+)\.go:\d+: (.*)/.exec(line)?.slice(1, 3).join('\n') ?? []);
  const own = any ? said : said.filter((line) => /^\w+_test\n/.test(line));
  const text = ((own.at(-1) ?? said.at(-1))?.split('\n')[1] ?? '').replaceAll(/\s+/g, ' ').trim();
  return text.length > LONGEST_WHY ? `${text.slice(0, LONGEST_WHY)}…` : text;
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
